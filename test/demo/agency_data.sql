/*
 * test/demo/agency_data.sql
 *    Deterministic sample data for the schema of agency_schema.sql.
 *
 * A psql script.  Run it once, after agency_schema.sql, on empty tables:
 *
 *    psql -X -v ON_ERROR_STOP=1 -d demo -f agency_schema.sql -f agency_data.sql
 *
 * Optional variables (psql -v name=value, or \set before \i):
 *    clients   number of clients, default 300
 *    scale     factor on the rows of a client, default 1, may be a fraction.
 *              It applies to vouchers and lines, employees and payroll,
 *              invoices, fixed assets, documents and messages; contracts,
 *              accounts, tax returns, reports and bank statements follow from
 *              the calendar and stay.
 *    seed      any bigint, default 1
 *
 * The defaults give 520,012 rows dated 2010-01-01 to 2025-12-31.
 * Every value is a function of (seed, column, row number) through
 * hashtextextended(); nothing depends on random(), the clock, the time zone,
 * DateStyle or the order of execution, so equal variables give equal rows on
 * every version.  (Hash values differ on big-endian machines.)
 *
 * The shape of a client's contracts depends on its number alone, so that tests
 * can name clients by it, whatever the seed:
 *    number % 20 in (3, 16)   one contract, ended
 *    number % 20 = 9          one contract, ended, and the company deregistered
 *    number % 40 = 27         two contracts, both ended
 *    number % 20 = 14         two contracts, the first ended, the second open
 *    any other                one contract, open
 *
 * Every person, company and number is generated.  Check digits are valid, as a
 * classifier has to see them; a likeness to anything real is accidental.  Mail
 * addresses use a domain reserved by RFC 2606.
 *
 * No transaction control here: the script can run inside a transaction.
 */

\encoding UTF8

/* A cast that fails where substr() and length() would count bytes. */
SELECT CASE WHEN getdatabaseencoding() <> 'UTF8'
    THEN ('database encoding must be UTF8, not ' || getdatabaseencoding())::integer END AS encoding_ok \gset

\if :{?clients}
\else
    \set clients 300
\endif
\if :{?scale}
\else
    \set scale 1
\endif
\if :{?seed}
\else
    \set seed 1
\endif

/*
 * JIT costs more than it saves here.  The foreign key from voucher_line to the
 * partitioned voucher would be planned anew for every row; a generic plan
 * halves its time.  Messages: the notices of DROP SCHEMA.
 */
SELECT current_setting('jit') AS saved_jit,
    current_setting('plan_cache_mode') AS saved_plan_mode,
    current_setting('client_min_messages') AS saved_messages \gset
SET jit = off;
SET plan_cache_mode = force_generic_plan;
SET client_min_messages = warning;

DROP SCHEMA IF EXISTS agency_gen CASCADE;
CREATE SCHEMA agency_gen;

/* ----------------------------------------------------------------- draws */

/* A number from 0 to k - 1 for one column of one row. */
CREATE FUNCTION agency_gen.draw_big(col text, row_no bigint, k bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashtextextended((col || ':' || row_no::text) COLLATE "C", :seed) & 9223372036854775807) % k;

CREATE FUNCTION agency_gen.draw(col text, row_no bigint, k integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN agency_gen.draw_big(col, row_no, k)::integer;

CREATE FUNCTION agency_gen.pick(list text[], col text, row_no bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN list[1 + agency_gen.draw(col, row_no, cardinality(list))];

/* One character of a string. */
CREATE FUNCTION agency_gen.letter(list text, col text, row_no bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN substr(list, 1 + agency_gen.draw(col, row_no, length(list)), 1);

/* A string of `width` decimal digits, width at most 18. */
CREATE FUNCTION agency_gen.digits(width integer, col text, row_no bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN lpad(agency_gen.draw_big(col, row_no, ('1' || repeat('0', width))::bigint)::text, width, '0');

/* How many rows: `mean` times scale, a fraction decided by a draw. */
CREATE FUNCTION agency_gen.how_many(mean numeric, col text, row_no bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN floor(mean * :scale + agency_gen.draw(col, row_no, 100) / 100.0)::integer;

/* Months are numbered from 0 = January 2010. */
CREATE FUNCTION agency_gen.month_start(idx integer) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN make_date(2010 + idx / 12, 1 + idx % 12, 1);

CREATE FUNCTION agency_gen.month_name(idx integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (2010 + idx / 12)::text || '年' || (1 + idx % 12)::text || '月';

/* ---------------------------------------------------- numbers with checks */

/* GB 11643-1999: ISO 7064 MOD 11-2, weights 2^(18 - i) mod 11. */
CREATE FUNCTION agency_gen.resident_id(region text, birth date, seq integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT b.body || substr('10X98765432', 1 + sum(substr(b.body, w.i::integer, 1)::integer * w.weight)::integer % 11, 1)
    FROM (SELECT region || to_char(birth, 'YYYYMMDD') || lpad(seq::text, 3, '0') AS body) AS b,
        unnest('{7,9,10,5,8,4,2,1,6,3,7,9,10,5,8,4,2}'::integer[]) WITH ORDINALITY AS w (weight, i)
    GROUP BY b.body
);

/* GB 11714-1997: 11 - sum mod 11, where 10 is X and 11 is 0. */
CREATE FUNCTION agency_gen.organization_code(body text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT body || substr('0X987654321', 1 + sum(
        (strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ', substr(body, w.i::integer, 1)) - 1) * w.weight)::integer % 11, 1)
    FROM unnest('{3,7,9,10,5,8,4,2}'::integer[]) WITH ORDINALITY AS w (weight, i)
);

/* GB 32100-2015: weights 3^(i - 1) mod 31, alphabet without I O S V Z. */
CREATE FUNCTION agency_gen.uscc(body text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT body || substr('0123456789ABCDEFGHJKLMNPQRTUWXY', 1 + (31 - sum(
        (strpos('0123456789ABCDEFGHJKLMNPQRTUWXY', substr(body, w.i::integer, 1)) - 1) * w.weight)::integer % 31) % 31, 1)
    FROM unnest('{1,3,9,27,19,26,16,17,20,29,25,13,8,24,10,30,28}'::integer[]) WITH ORDINALITY AS w (weight, i)
);

/* ISO/IEC 7812-1 annex B (Luhn): every second digit from the right doubled. */
CREATE FUNCTION agency_gen.luhn(body text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT body || (9 * sum(CASE WHEN i % 2 = 1 THEN d / 5 + d * 2 % 10 ELSE d END) % 10)::text
    FROM (SELECT i, substr(reverse(body), i, 1)::integer AS d FROM generate_series(1, length(body)) AS i) AS s
);

/*
 * A body that is unique for n below 35 million: digits for organizations of
 * the time before the unified code (2015-10-01), MA and base 31 for later ones.
 */
CREATE FUNCTION agency_gen.organization_body(n bigint, registered_on date) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (
    SELECT CASE WHEN registered_on < date '2015-10-01'
        THEN (10000000 + x % 70000000)::text
        ELSE 'MA' || (
            SELECT string_agg(substr('0123456789ABCDEFGHJKLMNPQRTUWXY', (x / p % 31)::integer + 1, 1), '' ORDER BY p DESC)
            FROM unnest('{1,31,961,29791,923521,28629151}'::bigint[]) AS p)
        END
    FROM (SELECT n * 7368787 + agency_gen.draw_big('organization', 0, 1000000000) AS x) AS s
);

/* ------------------------------------------------------ people, companies */

CREATE FUNCTION agency_gen.is_male(row_no bigint) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN agency_gen.draw('sex', row_no, 2) = 1;

/* The person of a row number: always the same name and sex. */
CREATE FUNCTION agency_gen.person(row_no bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN agency_gen.draw('surname2', row_no, 150) = 0
    THEN agency_gen.pick('{欧阳,上官,司马,诸葛,司徒}'::text[], 'surname', row_no)
    ELSE agency_gen.letter(
        '王王王王王王李李李李李李张张张张张刘刘刘刘陈陈陈陈杨杨杨黄黄赵赵吴吴周周徐徐孙孙马朱胡郭何林罗高郑梁谢宋唐许韩邓冯曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚'
        '沈钟姜崔谭陆范汪廖石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫雷龙黎史陶贺毛郝顾龚邵万',
        'surname', row_no) END
    || CASE WHEN agency_gen.is_male(row_no)
        THEN agency_gen.letter('伟强磊军勇杰涛明超刚平辉鹏华飞鑫波斌宇浩凯健俊帆帅旭宁龙林欢建国志文永家德海云天子晓', 'given1', row_no)
        ELSE agency_gen.letter('芳娜敏静丽艳娟霞秀燕玲桂婷雪慧莹倩琳颖洁萍红梅玉佳欣怡诗梦雨思晓美淑春云海小文子嘉', 'given1', row_no) END
    || CASE WHEN agency_gen.draw('given2', row_no, 5) = 0 THEN ''
        WHEN agency_gen.is_male(row_no)
        THEN agency_gen.letter('伟强磊军勇杰涛明超刚平辉鹏华飞鑫波斌宇浩凯健俊峰东亮民生林成庆祥荣洋轩博然泽', 'given3', row_no)
        ELSE agency_gen.letter('芳娜敏静丽艳娟霞英燕玲兰婷雪慧莹倩琳颖洁萍红梅玉佳欣怡涵瑶琪蓉莲珍云菲薇然悦', 'given3', row_no) END;

CREATE FUNCTION agency_gen.mobile(row_no bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN agency_gen.pick(
    '{130,131,132,133,134,135,135,136,136,137,137,138,138,139,139,150,151,152,153,155,156,157,158,159,166,'
    '173,175,176,177,178,180,181,182,183,185,186,187,188,189,191,193,198,199}'::text[],
    'mobile1', row_no) || agency_gen.digits(8, 'mobile2', row_no);

/* Issuer prefixes with the length of their numbers: 19 digits, 16 digits. */
CREATE FUNCTION agency_gen.bank_card(row_no bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN agency_gen.draw('card', row_no, 10) < 7
    THEN agency_gen.luhn(agency_gen.pick(
        '{622202,622202,621226,621700,621700,622848,622848,621661,621799,622262}'::text[], 'card1', row_no)
        || agency_gen.digits(12, 'card2', row_no))
    ELSE agency_gen.luhn(agency_gen.pick('{622588,621483,622622,622521,622155}'::text[], 'card1', row_no)
        || agency_gen.digits(9, 'card2', row_no)) END;

CREATE TABLE agency_gen.region (
    no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text NOT NULL,
    province text NOT NULL,
    city text NOT NULL,
    district text NOT NULL,
    short text NOT NULL,
    area_code text NOT NULL
);

/* Codes of GB/T 2260 (administrative divisions) and telephone area codes. */
INSERT INTO agency_gen.region (code, province, city, district, short, area_code) VALUES
    ('110105', '', '北京市', '朝阳区', '北京', '010'),
    ('110108', '', '北京市', '海淀区', '北京', '010'),
    ('110106', '', '北京市', '丰台区', '北京', '010'),
    ('310115', '', '上海市', '浦东新区', '上海', '021'),
    ('310104', '', '上海市', '徐汇区', '上海', '021'),
    ('310112', '', '上海市', '闵行区', '上海', '021'),
    ('120101', '', '天津市', '和平区', '天津', '022'),
    ('500103', '', '重庆市', '渝中区', '重庆', '023'),
    ('500112', '', '重庆市', '渝北区', '重庆', '023'),
    ('440106', '广东省', '广州市', '天河区', '广州', '020'),
    ('440104', '广东省', '广州市', '越秀区', '广州', '020'),
    ('440305', '广东省', '深圳市', '南山区', '深圳', '0755'),
    ('440304', '广东省', '深圳市', '福田区', '深圳', '0755'),
    ('440306', '广东省', '深圳市', '宝安区', '深圳', '0755'),
    ('440604', '广东省', '佛山市', '禅城区', '佛山', '0757'),
    ('441900', '广东省', '东莞市', '', '东莞', '0769'),
    ('442000', '广东省', '中山市', '', '中山', '0760'),
    ('330106', '浙江省', '杭州市', '西湖区', '杭州', '0571'),
    ('330108', '浙江省', '杭州市', '滨江区', '杭州', '0571'),
    ('330203', '浙江省', '宁波市', '海曙区', '宁波', '0574'),
    ('330302', '浙江省', '温州市', '鹿城区', '温州', '0577'),
    ('320102', '江苏省', '南京市', '玄武区', '南京', '025'),
    ('320106', '江苏省', '南京市', '鼓楼区', '南京', '025'),
    ('320205', '江苏省', '无锡市', '锡山区', '无锡', '0510'),
    ('320583', '江苏省', '昆山市', '', '昆山', '0512'),
    ('340104', '安徽省', '合肥市', '蜀山区', '合肥', '0551'),
    ('350203', '福建省', '厦门市', '思明区', '厦门', '0592'),
    ('350102', '福建省', '福州市', '鼓楼区', '福州', '0591'),
    ('360102', '江西省', '南昌市', '东湖区', '南昌', '0791'),
    ('370102', '山东省', '济南市', '历下区', '济南', '0531'),
    ('370202', '山东省', '青岛市', '市南区', '青岛', '0532'),
    ('370602', '山东省', '烟台市', '芝罘区', '烟台', '0535'),
    ('410105', '河南省', '郑州市', '金水区', '郑州', '0371'),
    ('420106', '湖北省', '武汉市', '武昌区', '武汉', '027'),
    ('420102', '湖北省', '武汉市', '江岸区', '武汉', '027'),
    ('430102', '湖南省', '长沙市', '芙蓉区', '长沙', '0731'),
    ('430104', '湖南省', '长沙市', '岳麓区', '长沙', '0731'),
    ('450103', '广西壮族自治区', '南宁市', '青秀区', '南宁', '0771'),
    ('510104', '四川省', '成都市', '锦江区', '成都', '028'),
    ('510107', '四川省', '成都市', '武侯区', '成都', '028'),
    ('520102', '贵州省', '贵阳市', '南明区', '贵阳', '0851'),
    ('530102', '云南省', '昆明市', '五华区', '昆明', '0871'),
    ('610113', '陕西省', '西安市', '雁塔区', '西安', '029'),
    ('610104', '陕西省', '西安市', '莲湖区', '西安', '029'),
    ('620102', '甘肃省', '兰州市', '城关区', '兰州', '0931'),
    ('130102', '河北省', '石家庄市', '长安区', '石家庄', '0311'),
    ('140105', '山西省', '太原市', '小店区', '太原', '0351'),
    ('210102', '辽宁省', '沈阳市', '和平区', '沈阳', '024'),
    ('210202', '辽宁省', '大连市', '中山区', '大连', '0411'),
    ('230103', '黑龙江省', '哈尔滨市', '南岗区', '哈尔滨', '0451');

/* Everyone's region: a row of the table above (50 of them). */
CREATE FUNCTION agency_gen.region_no(row_no bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 1 + agency_gen.draw('region', row_no, 50);

CREATE FUNCTION agency_gen.road(row_no bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN agency_gen.pick(
    '{中山路,人民路,解放路,建设路,文化路,科技路,学院路,新华路,和平路,胜利路,长江路,黄河路,朝阳路,滨河路,东风路,光明路,'
    '工业大道,创业路,迎宾大道,友谊路,幸福路,青年路,体育路,团结路,花园路,湖滨路,金融街,商务大道,世纪大道,开发大道}'::text[],
    'road', row_no) || (1 + agency_gen.draw('house', row_no, 980))::text || '号';

CREATE FUNCTION agency_gen.office(row_no bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN agency_gen.road(row_no)
    || agency_gen.pick('{创新大厦,国际广场,商务中心,科技园,财富大厦,金座,世贸大厦,产业园,时代广场,银座大厦}'::text[], 'tower', row_no)
    || agency_gen.letter('ABC1234', 'wing', row_no) || '座'
    || (2 + agency_gen.draw('floor', row_no, 27))::text || lpad((1 + agency_gen.draw('room', row_no, 20))::text, 2, '0') || '室';

CREATE FUNCTION agency_gen.home(row_no bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN agency_gen.road(row_no)
    || agency_gen.pick('{阳光花园,锦绣小区,碧水湾,翠竹苑,丽景花园,金色家园,安康小区,怡和苑,盛世名都,东方雅居,梧桐小区,书香园}'::text[], 'estate', row_no)
    || (1 + agency_gen.draw('block', row_no, 30))::text || '栋'
    || (1 + agency_gen.draw('entrance', row_no, 4))::text || '单元'
    || (1 + agency_gen.draw('floor', row_no, 26))::text || lpad((1 + agency_gen.draw('room', row_no, 4))::text, 2, '0') || '室';

CREATE FUNCTION agency_gen.brand(row_no bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN agency_gen.letter('恒鼎盛华信诚嘉瑞宏润泰安腾博远卓众智云天金汇德旭晟佳凯中正', 'brand1', row_no)
    || agency_gen.letter('源达泽晨通和丰隆业科翔峰创联景阳昌发维尚尔逸骏森逊辰', 'brand2', row_no);

CREATE FUNCTION agency_gen.company(short text, row_no bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN short || agency_gen.brand(row_no)
    || agency_gen.pick(
        '{信息技术,网络科技,商贸,贸易,建筑工程,装饰工程,餐饮管理,文化传媒,广告,教育咨询,企业管理咨询,物流,货运代理,机械设备,'
        '电子科技,生物科技,医疗器械,环保科技,服饰,食品,物业管理,人力资源服务,汽车服务,软件开发,供应链管理}'::text[],
        'trade', row_no)
    || CASE WHEN agency_gen.draw('form', row_no, 5) = 0 THEN '有限责任公司' ELSE '有限公司' END;

/* ----------------------------------------------- helper tables: who, when */

CREATE TABLE agency_gen.firm AS
SELECT n,
    'K-' || lpad(n::text, greatest(5, length(n::text)), '0') AS client_id,
    agency_gen.region_no(n) AS region_no,
    agency_gen.draw('sole', n, 12) = 0 AS is_sole,
    agency_gen.draw('general', n, 10) < 3 AS is_general,
    greatest(1, floor((1 + least(agency_gen.draw('heads1', n, 6), agency_gen.draw('heads2', n, 6))) * :scale)::integer) AS heads,
    2 + agency_gen.draw('pace', n, 6) AS pace,
    agency_gen.draw('clerk', n, 24) AS clerk_no,
    agency_gen.pick('{中国工商银行,中国建设银行,中国农业银行,中国银行,招商银行,交通银行,中国民生银行,浦发银行}'::text[], 'bank', n) AS bank,
    CASE WHEN n % 20 IN (3, 9, 16) THEN 'ended'
        WHEN n % 40 = 27 THEN 'ended twice'
        WHEN n % 20 = 14 THEN 'renewed'
        ELSE 'open' END AS shape
FROM generate_series(1::bigint, :clients) AS n;

/* The agency's bookkeepers. */
CREATE TABLE agency_gen.clerk AS
SELECT no, agency_gen.person(-1 - no) AS name
FROM generate_series(0, 23) AS no;

/* Contract terms, in months: from_idx to to_idx (191 = December 2025, open). */
CREATE TABLE agency_gen.term AS
WITH first_term AS (
    SELECT n, shape,
        CASE shape WHEN 'open' THEN 191
            WHEN 'ended' THEN 24 + agency_gen.draw('end', n, 162)
            WHEN 'ended twice' THEN 24 + agency_gen.draw('end', n, 90)
            ELSE 24 + agency_gen.draw('end', n, 130) END AS to_idx
    FROM agency_gen.firm
), both_terms AS (
    SELECT n, 1 AS no, shape = 'open' AS is_open,
        CASE shape WHEN 'open' THEN greatest(agency_gen.draw('start1', n, 186), agency_gen.draw('start2', n, 186))
            WHEN 'ended' THEN greatest(0, to_idx - 12 - agency_gen.draw('months', n, 96))
            ELSE greatest(0, to_idx - 12 - agency_gen.draw('months', n, 60)) END AS from_idx,
        to_idx
    FROM first_term
    UNION ALL
    SELECT n, 2, shape = 'renewed',
        to_idx + 2 + agency_gen.draw('gap', n, 10),
        CASE shape WHEN 'renewed' THEN 191 ELSE to_idx + 14 + agency_gen.draw('gap', n, 10) + agency_gen.draw('months2', n, 48) END
    FROM first_term
    WHERE shape IN ('ended twice', 'renewed')
)
SELECT n, no, is_open, from_idx, to_idx,
    agency_gen.month_start(from_idx)
        + CASE WHEN agency_gen.draw('day1', n * 2 + no, 5) = 0 THEN 1 + agency_gen.draw('day2', n * 2 + no, 18) ELSE 0 END AS starts_on,
    CASE WHEN is_open THEN NULL
        WHEN agency_gen.draw('day3', n * 2 + no, 4) = 0 THEN agency_gen.month_start(to_idx) + 9 + agency_gen.draw('day4', n * 2 + no, 15)
        ELSE agency_gen.month_start(to_idx + 1) - 1 END AS ends_on,
    'HT-' || (2010 + from_idx / 12)::text || '-' || lpad(n::text, greatest(5, length(n::text)), '0') || '-' || no::text AS contract_id,
    100.00 + 50 * agency_gen.draw('fee', n, 15) AS monthly_fee
FROM both_terms;

/*
 * Every month under contract: the days of it that the contract covers.  A row
 * of the sample is dated in one of these months.  key is unique for a client
 * and month and leaves room for 100,000 rows below it.
 */
CREATE TABLE agency_gen.month AS
SELECT f.n, f.client_id, i AS idx, t.from_idx, f.is_general, f.pace,
    (f.n * 200 + i) * 100000 AS key,
    greatest(t.starts_on, agency_gen.month_start(i)) AS first_day,
    least(t.ends_on, agency_gen.month_start(i + 1) - 1) AS last_day,
    (f.clerk_no + i / 30) % 24 AS clerk_no
FROM agency_gen.firm AS f
JOIN agency_gen.term AS t USING (n)
CROSS JOIN LATERAL generate_series(t.from_idx, t.to_idx) AS i;
ANALYZE agency_gen.month;

/* A client's employees; months served are those under contract. */
CREATE TABLE agency_gen.worker AS
SELECT row_number() OVER (ORDER BY hired_on, n, i) AS id, *
FROM (
    SELECT n, i, key,
        hired_idx,
        CASE WHEN agency_gen.draw('leaves', key, 5) < 2 AND left_idx < life.to_idx THEN left_idx END AS left_idx,
        CASE WHEN hired_idx = life.from_idx THEN life.starts_on
            ELSE agency_gen.month_start(hired_idx) + agency_gen.draw('hired', key, 10) END AS hired_on,
        3000 + 100 * agency_gen.draw('pay1', key, 50)
            + 1000 * least(agency_gen.draw('pay2', key, 15), agency_gen.draw('pay3', key, 15)) AS pay
    FROM agency_gen.firm AS f
    CROSS JOIN LATERAL (
        SELECT min(t.from_idx) AS from_idx, max(t.to_idx) AS to_idx, min(t.starts_on) AS starts_on
        FROM agency_gen.term AS t
        WHERE t.n = f.n
    ) AS life
    CROSS JOIN LATERAL generate_series(1, f.heads) AS i
    CROSS JOIN LATERAL (SELECT f.n * 100000 + i AS key) AS k
    CROSS JOIN LATERAL (
        SELECT life.from_idx + CASE WHEN i % 3 = 1 THEN 0
            ELSE agency_gen.draw('hire', key, 1 + (life.to_idx - life.from_idx) * 2 / 3) END AS hired_idx
    ) AS h
    CROSS JOIN LATERAL (SELECT hired_idx + 3 + agency_gen.draw('stay', key, 60) AS left_idx) AS l
) AS s;
CREATE INDEX ON agency_gen.worker (n, i);
ANALYZE agency_gen.worker;

/* 400 companies the clients trade with. */
CREATE TABLE agency_gen.party AS
SELECT i AS no, r.code AS region_code, agency_gen.company(r.short, 35000000 + i) AS name,
    agency_gen.uscc('91' || r.code || agency_gen.organization_code(agency_gen.organization_body(35000000 + i,
        date '2000-01-01' + agency_gen.draw('registered', 35000000 + i, 9000)))) AS uscc
FROM generate_series(0, 399) AS i
JOIN agency_gen.region AS r ON r.no = agency_gen.region_no(35000000 + i);

/* ---------------------------------------------------------------- clients */

INSERT INTO agency.client (id, name, uscc, taxpayer_kind, legal_rep, legal_rep_resident_id,
    address, registered_phone, registered_on, deregistered_on)
SELECT f.client_id,
    CASE WHEN f.is_sole
        THEN r.short || r.district || agency_gen.brand(f.n)
            || agency_gen.pick('{餐饮店,便利店,五金经营部,建材经营部,服装店,美容美发店,汽车维修部,水果店}'::text[], 'shop', f.n)
        ELSE agency_gen.company(r.short, f.n) END,
    agency_gen.uscc(CASE WHEN f.is_sole THEN '92' ELSE '91' END || r.code
        || agency_gen.organization_code(agency_gen.organization_body(f.n, s.registered_on))),
    CASE WHEN f.is_general THEN 'general' ELSE 'small' END,
    agency_gen.person(f.n),
    agency_gen.resident_id(p.code, s.registered_on - 9000 - agency_gen.draw('birth', f.n, 9000),
        1 + 2 * agency_gen.draw('sequence', f.n, 499) + CASE WHEN agency_gen.is_male(f.n) THEN 0 ELSE 1 END),
    r.province || r.city || r.district || agency_gen.office(f.n),
    CASE WHEN agency_gen.draw('phone', f.n, 3) = 0 THEN agency_gen.mobile(f.n)
        ELSE r.area_code || '-' || (2 + agency_gen.draw('phone1', f.n, 7))::text || agency_gen.digits(7, 'phone2', f.n) END,
    s.registered_on,
    CASE WHEN f.n % 20 = 9 THEN s.ends_on + 20 + agency_gen.draw('deregistered', f.n, 150) END
FROM agency_gen.firm AS f
JOIN agency_gen.region AS r ON r.no = f.region_no
JOIN agency_gen.region AS p ON p.no = agency_gen.region_no(-1000 - f.n)
CROSS JOIN LATERAL (
    SELECT greatest(date '2000-01-01', min(t.starts_on) - 10
            - CASE WHEN agency_gen.draw('age1', f.n, 2) = 0 THEN agency_gen.draw('age2', f.n, 60)
                ELSE agency_gen.draw('age3', f.n, 3000) END) AS registered_on,
        max(t.ends_on) AS ends_on
    FROM agency_gen.term AS t
    WHERE t.n = f.n
) AS s;

INSERT INTO agency.contract (id, client_id, signed_on, starts_on, ends_on, status, monthly_fee, keeps_archive)
SELECT t.contract_id, f.client_id, greatest(date '2010-01-01', t.starts_on - agency_gen.draw('signed', t.n * 2 + t.no, 15)),
    t.starts_on, t.ends_on, CASE WHEN t.is_open THEN 'active' ELSE 'ended' END, t.monthly_fee,
    agency_gen.draw('keeps', t.n * 2 + t.no, 3) = 0
FROM agency_gen.term AS t
JOIN agency_gen.firm AS f USING (n);

/* The first contact is the legal representative; one to three in all. */
INSERT INTO agency.contact (id, client_id, name, title, mobile, email, wechat, is_primary)
SELECT (f.n - 1) * 3 + i, f.client_id,
    CASE i WHEN 1 THEN agency_gen.person(f.n) ELSE agency_gen.person(k.key) END,
    (ARRAY['法定代表人', '财务负责人', '办税员'])[i],
    agency_gen.mobile(k.key),
    CASE WHEN agency_gen.draw('email', k.key, 3) > 0 THEN 'u' || agency_gen.digits(7, 'email1', k.key) || '@mail.example.com' END,
    CASE WHEN agency_gen.draw('wechat', k.key, 5) > 0
        THEN 'wx_' || substr(md5('wechat:' || k.key::text || ':' || (:seed)::text), 1, 10) END,
    i = 1
FROM agency_gen.firm AS f
CROSS JOIN LATERAL generate_series(1, 1 + agency_gen.draw('contacts', f.n, 3)) AS i
CROSS JOIN LATERAL (SELECT -1000000000 - (f.n * 3 + i) AS key) AS k;

/* ---------------------------------------------------------------- payroll */

INSERT INTO agency.employee (id, client_id, name, resident_id, birth_date, mobile, bank_card, address, position, hired_on, left_on)
SELECT w.id, f.client_id, agency_gen.person(w.key),
    agency_gen.resident_id(p.code, b.birth_date,
        1 + 2 * agency_gen.draw('sequence', w.key, 499) + CASE WHEN agency_gen.is_male(w.key) THEN 0 ELSE 1 END),
    b.birth_date, agency_gen.mobile(w.key), agency_gen.bank_card(w.key),
    r.province || r.city || r.district || agency_gen.home(w.key),
    agency_gen.pick('{销售,销售经理,行政,人事,采购,仓管,司机,出纳,客服,技术员,工程师,设计师,店员,厨师,操作工}'::text[], 'position', w.key),
    w.hired_on, agency_gen.month_start(w.left_idx + 1) - 1
FROM agency_gen.worker AS w
JOIN agency_gen.firm AS f USING (n)
JOIN agency_gen.region AS r ON r.no = f.region_no
JOIN agency_gen.region AS p ON p.no = agency_gen.region_no(w.key)
CROSS JOIN LATERAL (SELECT w.hired_on - 6600 - agency_gen.draw('birth', w.key, 12000) AS birth_date) AS b;

/*
 * Tax on one month's pay: the allowance of its time, then the lowest brackets
 * (individual income tax law as amended 2005, 2011 and 2018).
 */
INSERT INTO agency.payroll (id, employee_id, pay_month, paid_on, gross, social_insurance, housing_fund, income_tax, net)
SELECT row_number() OVER (ORDER BY idx, employee_id), employee_id, agency_gen.month_start(idx), last_day,
    gross, social_insurance, housing_fund, income_tax, gross - social_insurance - housing_fund - income_tax
FROM (
    SELECT p.*, round(CASE
        WHEN taxable <= 0 THEN 0
        WHEN idx < 20 THEN CASE WHEN taxable <= 500 THEN taxable * 0.05 WHEN taxable <= 2000 THEN taxable * 0.10 - 25
            WHEN taxable <= 5000 THEN taxable * 0.15 - 125 ELSE taxable * 0.20 - 375 END
        WHEN idx < 105 THEN CASE WHEN taxable <= 1500 THEN taxable * 0.03 WHEN taxable <= 4500 THEN taxable * 0.10 - 105
            WHEN taxable <= 9000 THEN taxable * 0.20 - 555 ELSE taxable * 0.25 - 1005 END
        ELSE CASE WHEN taxable <= 3000 THEN taxable * 0.03 WHEN taxable <= 12000 THEN taxable * 0.10 - 210
            ELSE taxable * 0.20 - 1410 END END, 2) AS income_tax
    FROM (
        SELECT g.*, gross - social_insurance - housing_fund
            - CASE WHEN idx < 20 THEN 2000 WHEN idx < 105 THEN 3500 ELSE 5000 END AS taxable
        FROM (
            SELECT w.id AS employee_id, m.idx, m.last_day,
                round(w.pay * (1 + 0.004 * (m.idx - w.hired_idx)) + agency_gen.draw('bonus', m.key + w.i, 800), 2) AS gross,
                round(w.pay * 0.105, 2) AS social_insurance,
                round(w.pay * 0.05, 2) AS housing_fund
            FROM agency_gen.worker AS w
            JOIN agency_gen.month AS m ON m.n = w.n AND m.idx >= w.hired_idx AND m.idx <= coalesce(w.left_idx, 191)
        ) AS g
    ) AS p
) AS s;

/* ------------------------------------------------------- chart of accounts */

/* Codes of the enterprise accounting standards; a child's code extends its parent's. */
CREATE TABLE agency_gen.chart (
    no integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code text NOT NULL UNIQUE,
    name text NOT NULL,
    side text NOT NULL
);
INSERT INTO agency_gen.chart (code, name, side) VALUES
    ('1001', '库存现金', 'debit'),
    ('1002', '银行存款', 'debit'),
    ('100201', '{bank}', 'debit'),
    ('1012', '其他货币资金', 'debit'),
    ('1122', '应收账款', 'debit'),
    ('1123', '预付账款', 'debit'),
    ('1221', '其他应收款', 'debit'),
    ('1403', '原材料', 'debit'),
    ('1405', '库存商品', 'debit'),
    ('1601', '固定资产', 'debit'),
    ('1602', '累计折旧', 'credit'),
    ('1701', '无形资产', 'debit'),
    ('1801', '长期待摊费用', 'debit'),
    ('2001', '短期借款', 'credit'),
    ('2202', '应付账款', 'credit'),
    ('2203', '预收账款', 'credit'),
    ('2211', '应付职工薪酬', 'credit'),
    ('2221', '应交税费', 'credit'),
    ('222101', '应交增值税', 'credit'),
    ('222102', '未交增值税', 'credit'),
    ('222103', '应交所得税', 'credit'),
    ('222104', '应交城市维护建设税', 'credit'),
    ('222105', '应交个人所得税', 'credit'),
    ('2241', '其他应付款', 'credit'),
    ('4001', '实收资本', 'credit'),
    ('4002', '资本公积', 'credit'),
    ('4101', '盈余公积', 'credit'),
    ('4103', '本年利润', 'credit'),
    ('4104', '利润分配', 'credit'),
    ('5001', '生产成本', 'debit'),
    ('6001', '主营业务收入', 'credit'),
    ('6051', '其他业务收入', 'credit'),
    ('6401', '主营业务成本', 'debit'),
    ('6403', '税金及附加', 'debit'),
    ('6601', '销售费用', 'debit'),
    ('6602', '管理费用', 'debit'),
    ('660201', '办公费', 'debit'),
    ('660202', '差旅费', 'debit'),
    ('660203', '租赁费', 'debit'),
    ('660204', '折旧费', 'debit'),
    ('660205', '职工薪酬', 'debit'),
    ('660206', '业务招待费', 'debit'),
    ('6603', '财务费用', 'debit'),
    ('6711', '营业外支出', 'debit'),
    ('6801', '所得税费用', 'debit');

/* The id is (client - 1) * 64 + place in the chart, so lines need no look-up. */
INSERT INTO agency.account (id, client_id, parent_id, code, name, balance_side)
SELECT (f.n - 1) * 64 + c.no, f.client_id, (f.n - 1) * 64 + p.no, c.code,
    replace(c.name, '{bank}', f.bank || r.short || agency_gen.pick('{分行营业部,高新支行,城东支行,城西支行,开发区支行,新区支行}'::text[], 'branch', f.n)),
    c.side
FROM agency_gen.firm AS f
JOIN agency_gen.region AS r ON r.no = f.region_no
CROSS JOIN agency_gen.chart AS c
LEFT JOIN agency_gen.chart AS p ON length(c.code) = 6 AND p.code = left(c.code, 4)
ORDER BY f.n, c.no;

/* --------------------------------------------------------------- vouchers */

/*
 * Kinds of voucher.  a is the amount drawn around `size` yuan, b = a * rate:
 * a rate of NULL is the VAT rate of the client and the day.  Each line takes
 * ca * a + cb * b; both sides have the same coefficients, so it balances.
 */
CREATE TABLE agency_gen.kind (
    no integer PRIMARY KEY,
    weight integer NOT NULL,
    size integer NOT NULL,
    rate numeric,
    summary text NOT NULL
);
INSERT INTO agency_gen.kind (no, weight, size, rate, summary) VALUES
    (1, 12, 12000, NULL, '销售商品给{party}'),
    (2, 10, 15000, 0, '收到{party}货款'),
    (3, 8, 8000, NULL, '向{party}采购商品'),
    (4, 0, 8000, 0, '向{party}采购商品'),
    (5, 8, 9000, 0, '支付{party}货款'),
    (6, 7, 20000, 0, '计提{month}工资'),
    (7, 7, 20000, 0.03, '发放{month}工资'),
    (8, 7, 900, 0, '{person}报销差旅费'),
    (9, 6, 300, 0, '购买办公用品'),
    (10, 5, 500, 0, '{person}报销业务招待费'),
    (11, 3, 4000, 0, '提取备用金'),
    (12, 4, 6000, 0, '支付{month}房租'),
    (13, 4, 1500, 0, '计提{month}固定资产折旧'),
    (14, 5, 9000, 0, '结转{month}销售成本'),
    (15, 4, 2500, 0.07, '缴纳增值税及附加'),
    (16, 3, 40, 0, '支付银行手续费'),
    (17, 4, 10000, NULL, '收到{party}服务费'),
    (18, 3, 3000, 0.45, '缴纳{month}社会保险费');

CREATE TABLE agency_gen.kind_line (
    kind_no integer NOT NULL,
    line_no integer NOT NULL,
    code text NOT NULL,
    side text NOT NULL,
    ca integer NOT NULL,
    cb integer NOT NULL
);
INSERT INTO agency_gen.kind_line (kind_no, line_no, code, side, ca, cb) VALUES
    (1, 1, '1122', 'debit', 1, 1), (1, 2, '6001', 'credit', 1, 0), (1, 3, '222101', 'credit', 0, 1),
    (2, 1, '100201', 'debit', 1, 0), (2, 2, '1122', 'credit', 1, 0),
    (3, 1, '1405', 'debit', 1, 0), (3, 2, '222101', 'debit', 0, 1), (3, 3, '2202', 'credit', 1, 1),
    (4, 1, '1405', 'debit', 1, 0), (4, 2, '2202', 'credit', 1, 0),
    (5, 1, '2202', 'debit', 1, 0), (5, 2, '100201', 'credit', 1, 0),
    (6, 1, '660205', 'debit', 1, 0), (6, 2, '2211', 'credit', 1, 0),
    (7, 1, '2211', 'debit', 1, 0), (7, 2, '100201', 'credit', 1, -1), (7, 3, '222105', 'credit', 0, 1),
    (8, 1, '660202', 'debit', 1, 0), (8, 2, '1001', 'credit', 1, 0),
    (9, 1, '660201', 'debit', 1, 0), (9, 2, '1001', 'credit', 1, 0),
    (10, 1, '660206', 'debit', 1, 0), (10, 2, '1001', 'credit', 1, 0),
    (11, 1, '1001', 'debit', 1, 0), (11, 2, '100201', 'credit', 1, 0),
    (12, 1, '660203', 'debit', 1, 0), (12, 2, '100201', 'credit', 1, 0),
    (13, 1, '660204', 'debit', 1, 0), (13, 2, '1602', 'credit', 1, 0),
    (14, 1, '6401', 'debit', 1, 0), (14, 2, '1405', 'credit', 1, 0),
    (15, 1, '222102', 'debit', 1, 0), (15, 2, '222104', 'debit', 0, 1), (15, 3, '100201', 'credit', 1, 1),
    (16, 1, '6603', 'debit', 1, 0), (16, 2, '100201', 'credit', 1, 0),
    (17, 1, '100201', 'debit', 1, 1), (17, 2, '6001', 'credit', 1, 0), (17, 3, '222101', 'credit', 0, 1),
    (18, 1, '660205', 'debit', 1, 0), (18, 2, '2241', 'debit', 0, 1), (18, 3, '100201', 'credit', 1, 1);

/* VAT rates: 17, 16 from 2018-05, 13 from 2019-04; small payers 3, then 1 from 2020-03. */
CREATE FUNCTION agency_gen.vat_rate(is_general boolean, idx integer) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN is_general THEN CASE WHEN idx < 100 THEN 0.17 WHEN idx < 111 THEN 0.16 ELSE 0.13 END
    ELSE CASE WHEN idx < 122 THEN 0.03 ELSE 0.01 END END;

/* One ticket per unit of weight, to draw a kind by. */
CREATE TABLE agency_gen.ticket AS
SELECT (row_number() OVER (ORDER BY k.no, i))::integer - 1 AS no, k.no AS kind_no
FROM agency_gen.kind AS k
CROSS JOIN LATERAL generate_series(1, k.weight) AS i;

CREATE TABLE agency_gen.voucher AS
SELECT row_number() OVER (ORDER BY s.voucher_date, s.n, s.number) AS id, s.*, round(s.a * s.rate, 2) AS b
FROM (
    SELECT m.n, m.client_id, m.idx, m.clerk_no, v.key, v.number,
        m.first_day + ((v.number - 1) * d.days + agency_gen.draw('day', v.key, d.days)) / c.vouchers AS voucher_date,
        k.no AS kind_no,
        k.size * (20 + agency_gen.draw('a1', v.key, 400)) / 100 + round(agency_gen.draw('a2', v.key, 1000) / 100.0, 2) AS a,
        coalesce(k.rate, agency_gen.vat_rate(m.is_general, m.idx)) AS rate
    FROM agency_gen.month AS m
    CROSS JOIN LATERAL (SELECT greatest(1, agency_gen.how_many(m.pace, 'vouchers', m.key)) AS vouchers) AS c
    CROSS JOIN LATERAL (SELECT m.last_day - m.first_day + 1 AS days) AS d
    CROSS JOIN LATERAL (SELECT m.key + number AS key, number FROM generate_series(1, c.vouchers) AS number) AS v
    JOIN agency_gen.ticket AS t ON t.no = agency_gen.draw('kind', v.key, (SELECT count(*)::integer FROM agency_gen.ticket))
    /* a small payer deducts no input tax: purchase without a tax line */
    JOIN agency_gen.kind AS k ON k.no = CASE WHEN t.kind_no = 3 AND NOT m.is_general THEN 4 ELSE t.kind_no END
) AS s;
ANALYZE agency_gen.voucher;

INSERT INTO agency.voucher (id, voucher_date, client_id, period, number, summary, attachments, created_by)
SELECT v.id, v.voucher_date, v.client_id, to_char(v.voucher_date, 'YYYY-MM'), v.number,
    replace(replace(replace(k.summary, '{party}', p.name), '{month}', agency_gen.month_name(v.idx)), '{person}',
        agency_gen.person(v.n * 100000 + 1 + agency_gen.draw('person', v.key, f.heads))),
    agency_gen.draw('attachments', v.key, 6), c.name
FROM agency_gen.voucher AS v
JOIN agency_gen.firm AS f USING (n)
JOIN agency_gen.kind AS k ON k.no = v.kind_no
JOIN agency_gen.party AS p ON p.no = agency_gen.draw('party', v.key, 400)
JOIN agency_gen.clerk AS c ON c.no = v.clerk_no
ORDER BY v.id;

INSERT INTO agency.voucher_line (id, voucher_id, voucher_date, line_no, account_id, debit, credit)
SELECT v.id * 4 + l.line_no, v.id, v.voucher_date, l.line_no, (v.n - 1) * 64 + a.no,
    CASE l.side WHEN 'debit' THEN l.ca * v.a + l.cb * v.b ELSE 0 END,
    CASE l.side WHEN 'credit' THEN l.ca * v.a + l.cb * v.b ELSE 0 END
FROM agency_gen.voucher AS v
JOIN agency_gen.kind_line AS l USING (kind_no)
JOIN agency_gen.chart AS a USING (code);

INSERT INTO agency.fixed_asset (id, client_id, card_no, name, acquired_on, cost, salvage, life_months, scrapped_on)
SELECT row_number() OVER (ORDER BY s.acquired_on, s.key),
    s.client_id, 'GD' || lpad((row_number() OVER (PARTITION BY s.n ORDER BY s.acquired_on, s.key))::text, 5, '0'),
    s.name, s.acquired_on, s.cost, round(s.cost * 0.05, 2), s.life_months,
    CASE WHEN agency_gen.draw('scrap1', s.key, 3) = 0 AND s.scrapped_on <= coalesce(s.ends_on, date '2025-12-31') THEN s.scrapped_on END
FROM (
    SELECT m.n, m.client_id, j.key, m.first_day + agency_gen.draw('acquired', j.key, m.last_day - m.first_day + 1) AS acquired_on,
        agency_gen.pick('{笔记本电脑,台式电脑,打印机,复印机,空调,办公桌椅,小型客车,货车,叉车,数控机床,监控设备,冷藏柜}'::text[], 'asset', j.key) AS name,
        2000 + 100 * agency_gen.draw('cost', j.key, 900) + 0.00 AS cost,
        36 + 12 * agency_gen.draw('life', j.key, 8) AS life_months,
        m.last_day + 200 + agency_gen.draw('scrap2', j.key, 1800) AS scrapped_on,
        (SELECT max(t.ends_on) FROM agency_gen.term AS t WHERE t.n = m.n HAVING NOT bool_or(t.is_open)) AS ends_on
    FROM agency_gen.month AS m
    CROSS JOIN LATERAL (
        SELECT m.key + j AS key FROM generate_series(1, agency_gen.how_many(0.05, 'assets', m.key)) AS j
    ) AS j
) AS s;

/* -------------------------------------------------- invoices, tax, reports */

/* From 2024 on all invoices are fully digital: a number of 20 digits, no code. */
INSERT INTO agency.invoice (id, client_id, direction, code, number, issued_on, party_name, party_uscc, amount, tax, total)
SELECT row_number() OVER (ORDER BY issued_on, key), client_id, direction,
    CASE WHEN idx >= 168 THEN NULL
        WHEN agency_gen.draw('code', key, 2) = 0 THEN left(region_code, 4) || yy || '1130'
        ELSE '0' || left(region_code, 4) || yy || '00111' END,
    CASE WHEN idx >= 168 THEN yy || left(region_code, 2) || '1' || agency_gen.digits(15, 'number', key)
        ELSE agency_gen.digits(8, 'number', key) END,
    issued_on,
    CASE WHEN is_person THEN agency_gen.person(key) ELSE party_name END,
    CASE WHEN NOT is_person THEN party_uscc END,
    amount, tax, amount + tax
FROM (
    SELECT j.key, m.client_id, m.idx, o.direction, p.name AS party_name, p.uscc AS party_uscc,
        to_char(m.first_day, 'YY') AS yy,
        CASE o.direction WHEN 'output' THEN r.code ELSE p.region_code END AS region_code,
        o.direction = 'output' AND agency_gen.draw('private', j.key, 9) = 0 AS is_person,
        m.first_day + agency_gen.draw('issued', j.key, m.last_day - m.first_day + 1) AS issued_on,
        q.amount,
        round(q.amount * agency_gen.vat_rate(CASE o.direction WHEN 'output' THEN m.is_general
            ELSE agency_gen.draw('rate', j.key, 2) = 0 END, m.idx), 2) AS tax
    FROM agency_gen.month AS m
    JOIN agency_gen.firm AS f USING (n)
    JOIN agency_gen.region AS r ON r.no = f.region_no
    CROSS JOIN LATERAL (
        SELECT m.key + j AS key FROM generate_series(1, agency_gen.how_many(1.5, 'invoices', m.key)) AS j
    ) AS j
    CROSS JOIN LATERAL (SELECT CASE WHEN agency_gen.draw('direction', j.key, 5) < 3 THEN 'output' ELSE 'input' END AS direction) AS o
    CROSS JOIN LATERAL (
        SELECT round((1 + agency_gen.draw('amount1', j.key, 300)) * (1 + agency_gen.draw('amount2', j.key, 30000)) / 100.0, 2) AS amount
    ) AS q
    JOIN agency_gen.party AS p ON p.no = agency_gen.draw('buyer', j.key, 400)
) AS s;

/*
 * Returns and reports of a period are filed in a month after it (i = idx of
 * that month); the period has to lie under the contract too, except the part
 * of a year before the contract in the annual ones.
 */
INSERT INTO agency.tax_return (id, client_id, tax, period_start, period_end, declared_on, taxable, tax_due, declared_by)
SELECT row_number() OVER (ORDER BY m.idx, m.n, x.tax, x.months), m.client_id, x.tax,
    agency_gen.month_start(x.from_idx), agency_gen.month_start(x.from_idx + x.months) - 1,
    least(m.last_day, greatest(m.first_day, agency_gen.month_start(m.idx) + 7 + agency_gen.draw('declared', m.key, 8))),
    z.taxable, round(z.taxable * x.rate, 2), c.name
FROM agency_gen.month AS m
CROSS JOIN LATERAL (
    SELECT 'iit' AS tax, m.idx - 1 AS from_idx, 1 AS months, 0.03 AS rate, true AS is_due
    UNION ALL SELECT 'vat', m.idx - 1, 1, agency_gen.vat_rate(true, m.idx - 1), m.is_general
    UNION ALL SELECT 'vat', m.idx - 3, 3, agency_gen.vat_rate(false, m.idx - 1), NOT m.is_general AND m.idx % 3 = 0
    UNION ALL SELECT 'cit', m.idx - 3, 3, 0.05, m.idx % 3 = 0
    UNION ALL SELECT 'cit', m.idx - 16, 12, 0.05, m.idx % 12 = 4
) AS x
CROSS JOIN LATERAL (
    SELECT round(x.months * agency_gen.draw('taxable ' || x.tax || x.months::text, m.key, 5000000) / 100.0, 2) AS taxable
) AS z
JOIN agency_gen.clerk AS c ON c.no = m.clerk_no
WHERE x.is_due AND x.from_idx >= m.from_idx;

INSERT INTO agency.report (id, client_id, kind, period_start, period_end, prepared_on, prepared_by, figures)
SELECT row_number() OVER (ORDER BY m.idx, m.n, x.months), m.client_id, x.kind,
    agency_gen.month_start(x.from_idx), agency_gen.month_start(x.from_idx + x.months) - 1,
    least(m.last_day, greatest(m.first_day, agency_gen.month_start(m.idx) + 4 + agency_gen.draw('prepared', m.key, 8))),
    c.name,
    jsonb_build_object('资产总计', z.assets, '负债合计', z.debts, '所有者权益合计', z.assets - z.debts,
        '营业收入', z.revenue * x.months, '净利润', z.profit * x.months)
FROM agency_gen.month AS m
CROSS JOIN LATERAL (
    SELECT 'monthly' AS kind, m.idx - 1 AS from_idx, 1 AS months, m.is_general AND m.idx - 1 >= m.from_idx AS is_due
    UNION ALL SELECT 'quarterly', m.idx - 3, 3, m.idx % 3 = 0 AND m.idx - 3 >= m.from_idx
    UNION ALL SELECT 'half_year', m.idx - 6, 6, m.is_general AND m.idx % 12 = 6 AND m.idx - 6 >= m.from_idx
    UNION ALL SELECT 'annual', m.idx - 15, 12, m.idx % 12 = 3 AND m.idx - 4 >= m.from_idx
) AS x
CROSS JOIN LATERAL (
    SELECT round(500000 + 1000 * agency_gen.draw('assets', m.n, 2000)
            + agency_gen.draw('assets ' || x.kind, m.key, 10000000) / 100.0, 2) AS assets,
        round(agency_gen.draw('debts ' || x.kind, m.key, 40000000) / 100.0, 2) AS debts,
        round(agency_gen.draw('revenue ' || x.kind, m.key, 20000000) / 100.0, 2) AS revenue,
        round(agency_gen.draw('profit ' || x.kind, m.key, 3000000) / 100.0 - 5000, 2) AS profit
) AS z
JOIN agency_gen.clerk AS c ON c.no = m.clerk_no
WHERE x.is_due;

/* The closing balance of a month is the opening balance of the next. */
INSERT INTO agency.bank_statement (id, client_id, bank_name, account_no, period_start, period_end,
    opening_balance, closing_balance, entries)
SELECT row_number() OVER (ORDER BY m.idx, m.n), m.client_id, a.name,
    (11 + agency_gen.draw('account1', m.n, 88))::text || agency_gen.digits(17, 'account2', m.n),
    m.first_day, m.last_day,
    round(agency_gen.draw('balance', m.n * 200 + m.idx - 1, 80000000) / 100.0, 2),
    round(agency_gen.draw('balance', m.n * 200 + m.idx, 80000000) / 100.0, 2),
    1 + agency_gen.draw('entries', m.key, 40)
FROM agency_gen.month AS m
JOIN agency.account AS a ON a.id = (m.n - 1) * 64 + 3;

INSERT INTO agency.bank_reconciliation (id, statement_id, prepared_on, prepared_by, book_balance,
    outstanding_receipts, outstanding_payments, bank_balance)
SELECT row_number() OVER (ORDER BY b.id), b.id, b.period_end, c.name,
    b.closing_balance + z.receipts - z.payments, z.receipts, z.payments, b.closing_balance
FROM agency.bank_statement AS b
CROSS JOIN LATERAL (
    SELECT CASE WHEN agency_gen.draw('receipts1', b.id, 4) = 0
            THEN round(agency_gen.draw('receipts2', b.id, 2000000) / 100.0, 2) ELSE 0 END AS receipts,
        CASE WHEN agency_gen.draw('payments1', b.id, 3) = 0
            THEN round(agency_gen.draw('payments2', b.id, 2000000) / 100.0, 2) ELSE 0 END AS payments
) AS z
JOIN agency_gen.month AS m ON m.client_id = b.client_id AND m.first_day = b.period_start
JOIN agency_gen.clerk AS c ON c.no = m.clerk_no
WHERE agency_gen.draw('reconciled', b.id, 8) > 0;

/* ----------------------------------------------------- files and messages */

INSERT INTO agency.document (id, client_id, title, media_type, byte_size, file_digest, stored_at)
SELECT overlay(overlay(md5(key::text || ':document:' || (:seed)::text) PLACING '4' FROM 13) PLACING 'a' FROM 17)::uuid,
    s.client_id,
    replace(replace(replace(s.title, '{company}', k.name), '{month}', agency_gen.month_name(s.idx)), '{person}',
        agency_gen.person(s.n * 100000 + 1)),
    CASE right(s.title, 3) WHEN 'pdf' THEN 'application/pdf' WHEN 'jpg' THEN 'image/jpeg' ELSE 'application/zip' END,
    20000 + agency_gen.draw('size', s.key, 8000000),
    sha256(convert_to(key::text || ':file:' || (:seed)::text, 'UTF8')),
    (s.stored_on + make_time(9 + agency_gen.draw('hour', s.key, 9), agency_gen.draw('minute', s.key, 60),
        agency_gen.draw('second', s.key, 60)))
        AT TIME ZONE 'Asia/Shanghai'
FROM (
    SELECT m.n, m.client_id, m.idx, j.key,
        m.first_day + agency_gen.draw('stored', j.key, m.last_day - m.first_day + 1) AS stored_on,
        agency_gen.pick(ARRAY['{company}营业执照.pdf', '{company}代理记账合同.pdf', '{person}身份证复印件.jpg', '{person}劳动合同.pdf',
            '{month}银行回单.pdf', '{month}银行对账单.pdf', '{month}进项发票.zip', '{month}费用票据.zip', '{month}工资表.pdf',
            '房屋租赁合同.pdf'], 'title', j.key) AS title
    FROM agency_gen.month AS m
    CROSS JOIN LATERAL (
        SELECT m.key + j AS key FROM generate_series(1, agency_gen.how_many(0.25, 'documents', m.key)) AS j
    ) AS j
) AS s
JOIN agency.client AS k ON k.id = s.client_id;

INSERT INTO agency.message_log (id, client_id, contact_id, sent_at, channel, direction, body)
SELECT row_number() OVER (ORDER BY s.sent_at, s.key), s.client_id, c.id, s.sent_at,
    agency_gen.pick('{wechat,wechat,wechat,sms,email,phone}'::text[], 'channel', s.key),
    left(s.body, strpos(s.body, ':') - 1),
    replace(replace(replace(replace(replace(replace(replace(substr(s.body, strpos(s.body, ':') + 1),
        '{contact}', c.name), '{month}', agency_gen.month_name(s.idx)), '{amount}', agency_gen.draw('amount', s.key, 9000)::text),
        '{person}', e.name), '{resident_id}', e.resident_id), '{mobile}', e.mobile), '{card}', e.bank_card)
FROM (
    SELECT m.n, m.client_id, m.idx, j.key,
        (m.first_day + agency_gen.draw('sent', j.key, m.last_day - m.first_day + 1)
            + make_time(8 + agency_gen.draw('hour', j.key, 12), agency_gen.draw('minute', j.key, 60),
                agency_gen.draw('second', j.key, 60)))
            AT TIME ZONE 'Asia/Shanghai' AS sent_at,
        agency_gen.pick(ARRAY[
            'out:{contact}您好，贵公司{month}增值税申报表已填好，应缴税款{amount}元，请于15日前确认。',
            'out:{contact}您好，请提供{month}银行对账单和回单，以便及时做账。',
            'out:{contact}您好，{month}凭证已装订完毕，如需查阅请提前联系。',
            'out:{contact}您好，{month}工资表已发送邮箱，请核对后回复。',
            'out:提醒：{month}社保公积金扣款{amount}元，请保证账户余额充足。',
            'in:好的，已收到，{month}的发票明天寄出。',
            'in:新员工{person}入职，身份证号{resident_id}，手机{mobile}，请办理个税申报。',
            'in:{person}的工资卡换了，新卡号{card}，下月起发到这张卡。',
            'in:我的新手机号是{mobile}，旧号停用了。',
            'in:{person}已离职，请停止申报个税和社保。'
        ], 'body', j.key) AS body
    FROM agency_gen.month AS m
    CROSS JOIN LATERAL (
        SELECT m.key + j AS key FROM generate_series(1, agency_gen.how_many(0.7, 'messages', m.key)) AS j
    ) AS j
) AS s
JOIN agency_gen.firm AS f USING (n)
JOIN agency.contact AS c ON c.id = (s.n - 1) * 3 + 1 + agency_gen.draw('contact', s.key, 1 + agency_gen.draw('contacts', s.n, 3))
JOIN agency_gen.worker AS w ON w.n = s.n AND w.i = 1 + agency_gen.draw('worker', s.key, f.heads)
JOIN agency.employee AS e ON e.id = w.id;

/* --------------------------------------------------- the agency's own rows */

/* Billed every quarter in advance; about one in sixteen is still unpaid. */
INSERT INTO agency.agency_invoice (id, client_id, contract_id, number, billed_on, period_start, period_end, amount, paid_on)
SELECT id, client_id, contract_id, 'FW' || lpad(id::text, 8, '0'), billed_on, period_start, period_end, monthly_fee * months,
    CASE WHEN agency_gen.draw('unpaid', key, 16) > 0 AND paid_on <= date '2025-12-31' THEN paid_on END
FROM (
    SELECT row_number() OVER (ORDER BY m.first_day, m.n) AS id, m.key, m.client_id, t.contract_id, t.monthly_fee,
        m.first_day AS billed_on, m.first_day AS period_start,
        least(t.ends_on, agency_gen.month_start(m.idx + 3) - 1) AS period_end,
        CASE WHEN t.is_open THEN 3 ELSE least(3, t.to_idx - m.idx + 1) END AS months,
        m.first_day + agency_gen.draw('paid', m.key, 60) AS paid_on
    FROM agency_gen.month AS m
    JOIN agency_gen.term AS t ON t.n = m.n AND m.idx BETWEEN t.from_idx AND t.to_idx
    WHERE (m.idx - m.from_idx) % 3 = 0
) AS s;

/*
 * What was handed over when a contract ended.  A list written before
 * 2016-01-01 shows the periods of the 1998 rules (Cai Kuai Zi [1998] No. 32),
 * in force then; later ones those of order 79.
 */
INSERT INTO agency."移交清册" ("清册编号", "客户编号", "合同编号", "移交日期", "档案名称", "卷号", "册数", "起止年度", "应保管期限", "移交人", "接收人")
SELECT replace(t.contract_id, 'HT-', 'YJ-') || '-' || d.no::text, f.client_id, t.contract_id,
    h.handed_on, d.name, '第' || d.no::text || '卷',
    1 + (t.to_idx - t.from_idx) / d.months, (2010 + t.from_idx / 12)::text || '-' || (2010 + t.to_idx / 12)::text,
    CASE WHEN h.handed_on < date '2016-01-01' THEN d.period_1998 ELSE d.period_2016 END,
    c.name, agency_gen.person(f.n)
FROM agency_gen.term AS t
JOIN agency_gen.firm AS f USING (n)
CROSS JOIN LATERAL (SELECT t.ends_on + agency_gen.draw('handed', t.n * 2 + t.no, 30) AS handed_on) AS h
JOIN agency_gen.clerk AS c ON c.no = f.clerk_no
CROSS JOIN (VALUES
    (1, '记账凭证', 1, '15年', '30年'),
    (2, '总账', 12, '15年', '30年'),
    (3, '明细账', 12, '15年', '30年'),
    (4, '年度财务会计报告', 12, '永久', '永久'),
    (5, '银行对账单', 12, '5年', '10年'),
    (6, '纳税申报表', 12, '10年', '10年')
) AS d (no, name, months, period_1998, period_2016)
WHERE NOT t.is_open;

/* ---------------------------------------------------------------- the end */

/* New rows of the application continue after the ids of the sample. */
SELECT max(setval(pg_get_serial_sequence(s.tab, 'id'), s.id)) AS last_id
FROM (
    SELECT 'agency.contact' AS tab, max(id) AS id FROM agency.contact
    UNION ALL SELECT 'agency.employee', max(id) FROM agency.employee
    UNION ALL SELECT 'agency.payroll', max(id) FROM agency.payroll
    UNION ALL SELECT 'agency.account', max(id) FROM agency.account
    UNION ALL SELECT 'agency.voucher', max(id) FROM agency.voucher
    UNION ALL SELECT 'agency.voucher_line', max(id) FROM agency.voucher_line
    UNION ALL SELECT 'agency.fixed_asset', max(id) FROM agency.fixed_asset
    UNION ALL SELECT 'agency.invoice', max(id) FROM agency.invoice
    UNION ALL SELECT 'agency.tax_return', max(id) FROM agency.tax_return
    UNION ALL SELECT 'agency.bank_statement', max(id) FROM agency.bank_statement
    UNION ALL SELECT 'agency.bank_reconciliation', max(id) FROM agency.bank_reconciliation
    UNION ALL SELECT 'agency.report', max(id) FROM agency.report
    UNION ALL SELECT 'agency.message_log', max(id) FROM agency.message_log
    UNION ALL SELECT 'agency.agency_invoice', max(id) FROM agency.agency_invoice
) AS s
WHERE s.id IS NOT NULL \gset

DROP SCHEMA agency_gen CASCADE;
SET client_min_messages = :saved_messages;
SET plan_cache_mode = :saved_plan_mode;
SET jit = :saved_jit;

ANALYZE agency.client, agency.contract, agency.contact, agency.employee, agency.payroll, agency.account,
    agency.voucher, agency.voucher_line, agency.fixed_asset, agency.invoice, agency.tax_return,
    agency.bank_statement, agency.bank_reconciliation, agency.report, agency.document, agency.message_log,
    agency.agency_invoice, agency."移交清册";

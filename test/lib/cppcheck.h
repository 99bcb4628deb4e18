/*
 * cppcheck.h
 *		What cppcheck has to know of PostgreSQL; its headers would be analysed too.
 */
#define PG_VERSION_NUM 150000
#define PG_FUNCTION_INFO_V1(name)
#define PG_MODULE_MAGIC

/* an error does not return */
#define pg_attribute_noreturn() __attribute__((noreturn))
#define WARNING 19
#define ERROR 21
#define FATAL 22
#define PANIC 23
#define ereport(level, ...) do { if ((level) >= ERROR) abort(); } while (0)
#define elog(level, ...) do { if ((level) >= ERROR) abort(); } while (0)

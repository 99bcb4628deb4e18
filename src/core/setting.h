/*
 * setting.h
 *	  Settings of the installation, and the day on which we are.
 */
#ifndef CUST_SETTING_H
#define CUST_SETTING_H

#include "postgres.h"

#include "utils/date.h"

extern char *cust_setting(const char *name);
extern void cust_setting_store(const char *name, const char *value);
extern void cust_setting_check(const char *name, const char *value);
extern bool cust_paused(void);
extern char *cust_time_zone(void);
extern DateADT cust_today(void);

#endif							/* CUST_SETTING_H */

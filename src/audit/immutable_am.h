/*
 * immutable_am.h
 *	  The insert-only table access method.
 */
#ifndef CUST_IMMUTABLE_AM_H
#define CUST_IMMUTABLE_AM_H

#include "postgres.h"

#include "utils/rel.h"

extern bool cust_is_immutable(Relation rel);

#endif							/* CUST_IMMUTABLE_AM_H */

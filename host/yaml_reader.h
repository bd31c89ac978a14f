/* yaml_reader.h - what yaml.c reads with, and what it refuses (yaml_fault.c). */
#ifndef YAML_READER_H
#define YAML_READER_H
#include <lua.h>
#include <yaml.h>

struct reader {
  lua_State *L;
  yaml_parser_t parser;
  yaml_event_t event;  /* the last one read */
  const char *text, *end;  /* without a byte order mark */
  const char *name;    /* of the text, for errors */
  int depth, copies;
};

/* All raise "yaml-invalid" with the name, line and column; a hint may be NULL. */
void yaml_refuse(struct reader *r, yaml_mark_t at, const char *hint, const char *format, ...)
  __attribute__((format(printf, 4, 5)));
/* What libyaml could not read. */
void yaml_refuse_parse(struct reader *r);
/* Refuses what ends a line for libyaml, and for YAML 1.1, but not for 1.2 nor for an editor. */
void yaml_check_breaks(struct reader *r);
#endif

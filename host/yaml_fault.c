/* yaml_fault.c - what is refused in a text of YAML, where that is, and how to write it; see yaml_reader.h. */
#include "yaml_reader.h"
#include "buf.h"
#include "failure.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void yaml_refuse(struct reader *r, yaml_mark_t at, const char *hint, const char *format, ...)
{
  char why[300];
  va_list ap;
  va_start(ap, format);
  format_cut(why, sizeof why, format, ap);
  va_end(ap);
  struct fault f;
  fault_set(&f, "yaml-invalid", "fatal", "%s:%zu:%zu: %s", r->name, at.line + 1, at.column + 1,
            why);
  if (hint)
    fault_hint(&f, "%s", hint);
  failure_raise(r->L, &f, r->name);
}

/* How to write it, by what libyaml says. */
static const char *parser_hint(const char *problem)
{
  static const struct { const char *problem, *hint; } hints[] = {
    {"mapping values are not allowed", "quote a text that holds ': ', or begin the mapping on a "
                                       "line of its own"},
    {"did not find expected key", "the keys of one mapping start in the same column"},
    {"expected '-' indicator", "the items of one list start in the same column, each with '- '"},
    {"expected ',' or ']'", "commas stand between the items of a list, and ']' closes it"},
    {"expected ',' or '}'", "commas stand between the members of a mapping, and '}' closes it"},
    {"could not find expected ':'", "a key is followed by ': ' and its value"},
    {"unexpected end of stream", "close the quote"},
    {"invalid Unicode character escape", "write the character itself, or \\U and its eight digits"},
    {"incompatible YAML document", "leave %YAML out, or write %YAML 1.2"},
    {"sequence entries are not allowed", "begin the list on a line of its own"},
    {"unknown escape character", "in single quotes a backslash is only a backslash"},
    {"UTF-8", "save the text as UTF-8"},
    {NULL, NULL},
  };
  for (int i = 0; hints[i].problem; i++)
    if (strstr(problem, hints[i].problem))
      return hints[i].hint;
  return NULL;
}

/* The byte at the mark, which counts characters; 0 past the end. */
static char byte_at(struct reader *r, yaml_mark_t mark)
{
  const char *p = r->text;
  for (size_t i = 0; *p && i < mark.index; i++)
    for (p++; (*p & 0xc0) == 0x80;)
      p++;
  return *p;
}

/* libyaml's reader knows the offset of a wrong byte, but no line. */
static yaml_mark_t mark_of_offset(struct reader *r, size_t offset)
{
  yaml_mark_t mark = {0};
  for (const char *p = r->text; p < r->text + offset && p < r->end; p++) {
    mark.column += (*p & 0xc0) != 0x80;
    if (*p == '\n') {
      mark.line++;
      mark.column = 0;
    }
  }
  return mark;
}

void yaml_refuse_parse(struct reader *r)
{
  const yaml_parser_t *p = &r->parser;
  if (p->error == YAML_MEMORY_ERROR)
    failure_memory(r->L);
  if (p->error == YAML_READER_ERROR)
    yaml_refuse(r, mark_of_offset(r, p->problem_offset), parser_hint(p->problem), "%s", p->problem);
  char found = byte_at(r, p->problem_mark);
  if (found == '\t')
    yaml_refuse(r, p->problem_mark, "indent with spaces", "found a tab where the indentation is read");
  if (strstr(p->problem, "cannot start any token"))
    yaml_refuse(r, p->problem_mark, "quote a text that starts with it",
                "found '%c', which cannot start a text", found);
  if (p->context)
    yaml_refuse(r, p->problem_mark, parser_hint(p->problem), "%s (%s from line %zu on)", p->problem,
                p->context, p->context_mark.line + 1);
  yaml_refuse(r, p->problem_mark, parser_hint(p->problem), "%s", p->problem);
}

/* A comment that seems to go on would end there, and what follows would be a key. */
void yaml_check_breaks(struct reader *r)
{
  static const struct { const char *bytes, *name, *hint; } breaks[] = {
    {"\xc2\x85", "next line", "leave it out, or write \\N in double quotes"},
    {"\xe2\x80\xa8", "line separator", "leave it out, or write \\L in double quotes"},
    {"\xe2\x80\xa9", "paragraph separator", "leave it out, or write \\P in double quotes"}};
  for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
    const char *at = memmem(r->text, (size_t)(r->end - r->text), breaks[i].bytes, strlen(breaks[i].bytes));
    if (at)
      yaml_refuse(r, mark_of_offset(r, (size_t)(at - r->text)), breaks[i].hint,
                  "found a %s, which older readers take for the end of a line", breaks[i].name);
  }
}

/* mask_styles.h - the table of the ways in which the inside of a string is written. */
#ifndef MASK_STYLES_H
#define MASK_STYLES_H
#include "escape.h"
#include "escape_style.h"

/* Each ends with an entry that holds only zeros. */
extern const struct escape_style mask_string_styles[];
extern const struct escape_style mask_json_styles[];  /* as nearly all write JSON */
extern const struct escape_style mask_shell_styles[]; /* as shells write it outside single quotes */
extern const struct percent_style mask_percent_styles[];

extern const struct escape_entities mask_html_styles[];
extern const size_t mask_html_count;
extern const struct escape_entities mask_mark_styles[];  /* where other marks are written by their number, too */
extern const size_t mask_mark_count;
#endif

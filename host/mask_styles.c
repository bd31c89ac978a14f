/* mask_styles.c - what is known of how tools write a string; see mask_styles.h.
 *
 * Each row was compared with what the tool prints (tests/mask_corpus_test.lua does it again
 * with the tools that are there). A value without characters that need it looks the same in
 * all of them, and costs one form. */
#include "mask_styles.h"

#define JSON_LETTERS "\bb\ff\nn\rr\tt"
#define C_LETTERS    "\aa\bb\ff\nn\rr\tt\vv"

const struct escape_style mask_json_styles[] = {
  {.prefixed = "\"\\", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_U},
  {.prefixed = "\"\\", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_U, .wide = CODE_U},
  {0},
};

const struct escape_style mask_string_styles[] = {
  /* JSON: as it must be; with non-ASCII by number; "/" too, as PHP does; the HTML-safe ones of Go,
   * Ruby, Django, serialize-javascript, Gson, PHP's flags and .NET. */
  {.prefixed = "\"\\", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_U},
  {.prefixed = "\"\\", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_U_UPPER},
  {.prefixed = "\"\\", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_U, .wide = CODE_U},
  {.prefixed = "\"\\", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_U_UPPER, .wide = CODE_U_UPPER},
  {.prefixed = "\"\\/", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_U},
  {.prefixed = "\"\\/", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_U,
   .coded = "\x7f", .code = CODE_U},
  {.prefixed = "\"\\/", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_U, .wide = CODE_U},
  {.prefixed = "\"\\", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_U,
   .coded = "\x7f", .code = CODE_U},
  {.prefixed = "\"\\", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_U,
   .coded = "<>&", .code = CODE_U},
  {.prefixed = "\"\\", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_U_UPPER,
   .coded = "<>&", .code = CODE_U_UPPER},
  {.prefixed = "\"\\", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_U,
   .coded = "<>&'", .code = CODE_U},
  {.prefixed = "\"\\", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_U_UPPER,
   .coded = "<>&'", .code = CODE_U_UPPER},
  {.prefixed = "\"\\", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_U,
   .coded = "<>&='", .code = CODE_U},
  {.prefixed = "\"\\", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_U_UPPER,
   .coded = "<>/", .code = CODE_U_UPPER},
  {.prefixed = "\\/", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_U, .wide = CODE_U,
   .coded = "\"'<>&", .code = CODE_U_UPPER},
  {.prefixed = "\\", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_U_UPPER, .wide = CODE_U_UPPER,
   .coded = "\"&'+<>`", .code = CODE_U_UPPER},
  /* JSON where all that must be escaped is a number, and with what HTML dislikes. */
  {.controls = CODE_U, .coded = "\"\\", .code = CODE_U},
  {.controls = CODE_U_UPPER, .coded = "\"\\", .code = CODE_U_UPPER},
  {.controls = CODE_U, .coded = "\"\\/", .code = CODE_U},
  {.controls = CODE_U_UPPER, .coded = "\"\\/", .code = CODE_U_UPPER},
  {.controls = CODE_U, .wide = CODE_U, .coded = "\"\\'<>&", .code = CODE_U},
  {.controls = CODE_U_UPPER, .wide = CODE_U_UPPER, .coded = "\"\\'<>&", .code = CODE_U_UPPER},
  {.controls = CODE_U, .wide = CODE_U, .coded = "\"\\/'<>&", .code = CODE_U},
  {.controls = CODE_U_UPPER, .wide = CODE_U_UPPER, .coded = "\"\\/'<>&", .code = CODE_U_UPPER},
  /* Go's %q and %+q, Apache's log. */
  {.prefixed = "\"\\", .prefix = '\\', .letters = C_LETTERS, .controls = CODE_X},
  {.prefixed = "\"\\", .prefix = '\\', .letters = C_LETTERS, .controls = CODE_X, .wide = CODE_U},
  {.prefixed = "\"\\", .prefix = '\\', .letters = C_LETTERS, .controls = CODE_X, .wide = CODE_U_LONG},
  {.prefixed = "\"\\", .prefix = '\\', .letters = C_LETTERS, .controls = CODE_X, .wide = CODE_X},
  /* Python's repr() in either quote, of bytes, and ascii(). */
  {.prefixed = "'\\", .prefix = '\\', .letters = "\nn\rr\tt", .controls = CODE_X},
  {.prefixed = "\\", .prefix = '\\', .letters = "\nn\rr\tt", .controls = CODE_X},
  {.prefixed = "'\\", .prefix = '\\', .letters = "\nn\rr\tt", .controls = CODE_X, .wide = CODE_X},
  {.prefixed = "\\", .prefix = '\\', .letters = "\nn\rr\tt", .controls = CODE_X, .wide = CODE_X},
  {.prefixed = "'\\", .prefix = '\\', .letters = "\nn\rr\tt", .controls = CODE_X, .wide = CODE_X_LONG},
  {.prefixed = "\\", .prefix = '\\', .letters = "\nn\rr\tt", .controls = CODE_X, .wide = CODE_X_LONG},
  /* node's util.inspect in any quote; MySQL; addslashes; C and git. */
  {.prefixed = "'\\", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_X_UPPER},
  {.prefixed = "\\", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_X_UPPER},
  {.prefixed = "`\\", .prefix = '\\', .letters = JSON_LETTERS, .controls = CODE_X_UPPER},
  {.prefixed = "`\\$", .prefix = '\\'},
  {.prefixed = "\"'\\", .prefix = '\\', .letters = "\nn\rr\x1aZ"},
  {.prefixed = "\"'\\", .prefix = '\\'},
  {.prefixed = "\"\\", .prefix = '\\', .letters = C_LETTERS, .controls = CODE_OCTAL, .wide = CODE_OCTAL},
  {.prefixed = "\"\\", .prefix = '\\', .letters = C_LETTERS, .controls = CODE_OCTAL},
  /* YAML's "…", as libyaml and PyYAML write it; Perl's "…". */
  {.prefixed = "\"\\", .prefix = '\\', .letters = C_LETTERS "\x1b" "e", .controls = CODE_X_UPPER},
  {.prefixed = "\"\\", .prefix = '\\', .letters = C_LETTERS "\x1b" "e", .controls = CODE_X_UPPER,
   .wide = CODE_X_LONG_UPPER},
  {.prefixed = "\"\\$@", .prefix = '\\', .letters = C_LETTERS "\x1b" "e", .controls = CODE_OCTAL},
  {.prefixed = "\"\\$@", .prefix = '\\', .letters = C_LETTERS "\x1b" "e", .controls = CODE_OCTAL_SHORT},
  /* jq's @tsv and PostgreSQL's COPY. */
  {.prefixed = "\\", .prefix = '\\', .letters = "\nn\rr\tt"},
  /* nginx's log. */
  {.controls = CODE_X_UPPER, .coded = "\"\\", .code = CODE_X_UPPER},
  {.controls = CODE_X_UPPER, .wide = CODE_X_UPPER, .coded = "\"\\", .code = CODE_X_UPPER},
  /* Lua's %q. */
  {.prefixed = "\"\\\n", .prefix = '\\', .controls = CODE_DECIMAL},
  /* bash: %q, $'…' in UTF-8 and in C, "…" of declare -p, and with history; Ruby's shellescape; quotemeta. */
  {.prefixed = " \t!\"$&'()*,;<>?[\\]^`{|}", .prefix = '\\'},
  {.prefixed = "'\\", .prefix = '\\', .letters = C_LETTERS "\x1b" "E", .controls = CODE_OCTAL},
  {.prefixed = "'\\", .prefix = '\\', .letters = C_LETTERS "\x1b" "E", .controls = CODE_OCTAL, .wide = CODE_OCTAL},
  {.prefixed = "\"$`\\", .prefix = '\\'},
  {.prefixed = "\"$`\\!", .prefix = '\\'},
  {.prefixed = " \t!\"#$%&'()*;<=>?[\\]^`{|}~", .prefix = '\\'},
  {.prefixed = " !\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~", .prefix = '\\'},
  /* Only backslashes; SQL, YAML and PowerShell; CSV; make and compose; printf and batch files. */
  {.prefixed = "\\"}, {.prefixed = "'\\"}, {.prefixed = "'"}, {.prefixed = "\""}, {.prefixed = "$"}, {.prefixed = "%"},
  {.prefixed = "'\\", .prefix = '\\'}, {.prefixed = ":=#!\\", .prefix = '\\'},  /* PHP and Perl; properties */
  {.prefixed = "\"", .prefix = '\\'}, {.prefixed = "'", .prefix = '\\'}, {.prefixed = "$", .prefix = '\\'},
  /* PowerShell's "…"; cmd, by how careful the quoting is. */
  {.prefixed = "`\"$", .prefix = '`'},
  {.prefixed = "&<>|^", .prefix = '^'},
  {.prefixed = "&<>|^()", .prefix = '^'},
  {.prefixed = "&<>|^\"", .prefix = '^'},
  {.prefixed = "&<>|^()\"", .prefix = '^'},
  {.prefixed = "&<>|^()\"%!", .prefix = '^'},
  {.prefixed = "()[]%!^\"`<>&|;, *?", .prefix = '^'},
  {0},
};

const struct escape_style mask_shell_styles[] = {
  {.prefixed = " \t!\"$&'()*,;<>?[\\]^`{|}", .prefix = '\\'},  /* %q */
  {.prefixed = "\"$`\\", .prefix = '\\'},                   /* "…" */
  {0},
};

const struct percent_style mask_percent_styles[] = {
  {"-._~", false, false},      {"-._~", false, true},       /* RFC 3986 */
  {"-._~!'()*", false, false}, {"-._~!'()*", false, true},  /* JavaScript's URI component */
  {"-._~", true, false},       {"-._~", true, true},        /* forms, as Python and Go do */
  {"*-._", true, false},       {"*-._", true, true},        /* forms, as browsers and Java do */
  {"-._", true, false},        {"-._", true, true},         /* forms, as PHP does */
  {"-._~/", false, false},     {"-._~/", false, true},      /* Python's quote */
  {"-._~/", true, false},                                   /* and its quote_plus for paths */
  {"-._~!'()*;,/?:@&=+$#", false, false},                   /* JavaScript's encodeURI */
  {"-._~!$&'()*+,;=:@", false, false},                      /* a segment of a path */
  {"-._~$&+:=@", false, false},                             /* a segment, as Go does */
  {"-._~!$%&'()*+,", false, false},                         /* a password, as browsers and node do */
  {"@*_+-./", false, false},                                /* JavaScript's escape() */
  {0},
};

#define MARKED(quote, apostrophe, numbered, how) {"&amp;", "&lt;", "&gt;", quote, apostrophe, numbered, how}
#define MARKS "!\"#$%&'()*+,-./:;<=>?@[\\]^`{|}~"
#define NAMES(quote, apostrophe) MARKED(quote, apostrophe, NULL, 0)
#define NUMBERED(numbered, how) {NULL, NULL, NULL, NULL, NULL, numbered, how}

const struct escape_entities mask_html_styles[] = {
  NAMES(NULL, NULL),     NAMES(NULL, "&#39;"),     NAMES(NULL, "&#x27;"),     NAMES(NULL, "&apos;"),
  NAMES(NULL, "&#039;"), NAMES("&quot;", NULL),    NAMES("&quot;", "&#39;"),  NAMES("&quot;", "&#x27;"),
  NAMES("&quot;", "&apos;"), NAMES("&quot;", "&#039;"), NAMES("&#34;", NULL), NAMES("&#34;", "&#39;"),
  NAMES("&#34;", "&#x27;"),  NAMES("&#34;", "&apos;"),  NAMES("&#x22;", NULL), NAMES("&#x22;", "&#x27;"),
  NAMES("&#034;", "&#039;"),
  NUMBERED("&<>\"'", REFERENCE_DECIMAL), NUMBERED("&<>\"'", REFERENCE_HEX), NUMBERED("&<>\"'", REFERENCE_HEX_UPPER),
  {"&amp;", "&lt;", ">", "&quot;", "'", NULL, 0},                             /* what an attribute needs */
  {"&amp;amp;", "&amp;lt;", "&amp;gt;", "&amp;quot;", "&amp;#39;", NULL, 0},  /* twice */
};
const size_t mask_html_count = sizeof mask_html_styles / sizeof *mask_html_styles;

const struct escape_entities mask_mark_styles[] = {
  /* The marks that templates distrust: Go; OWASP's rules; Underscore; Handlebars; Mustache; .NET. */
  MARKED("&#34;", "&#39;", "+", REFERENCE_DECIMAL),
  MARKED("&quot;", "&#x27;", "/", REFERENCE_HEX_UPPER),
  MARKED("&quot;", "&#x27;", "`", REFERENCE_HEX_UPPER),
  MARKED("&quot;", "&#x27;", "`=", REFERENCE_HEX_UPPER),
  MARKED("&quot;", "&#39;", "/`=", REFERENCE_HEX_UPPER),
  MARKED("&quot;", "&#x27;", "+", REFERENCE_HEX_UPPER),
  /* Every mark: by name where it has one, as ESAPI and Laminas do; by number, some without "_". */
  MARKED("&quot;", "&#x27;", "!#$%()*+/:;=?@[\\]^`{|}~", REFERENCE_HEX),
  MARKED("&quot;", "&#x27;", " !#$%()*+/:;=?@[\\]^`{|}~", REFERENCE_HEX_UPPER),
  NUMBERED(" " MARKS, REFERENCE_DECIMAL),
  NUMBERED(" " MARKS, REFERENCE_HEX), NUMBERED(" " MARKS, REFERENCE_HEX_UPPER),
  NUMBERED(" _" MARKS, REFERENCE_DECIMAL), NUMBERED(" _" MARKS, REFERENCE_HEX),
};
const size_t mask_mark_count = sizeof mask_mark_styles / sizeof *mask_mark_styles;

/* mask_encode.h - one text in every encoding that tools write values in. Knows nothing of Lua. */
#ifndef MASK_ENCODE_H
#define MASK_ENCODE_H
#include "mask_forms.h"
#include "mask_text.h"

/* How much one text is worth; each holds those before it. */
enum mask_effort {
  MASK_PLAIN,   /* as it is */
  MASK_COMMON,  /* and in JSON, percent-encoded, in base64 */
  MASK_ALL,     /* and in every encoding of strings, in hexadecimal digits */
  MASK_RARE,    /* and twice encoded, in base32, UTF-16, byte by byte */
};

/* Where forms go while they are made. */
struct encoder {
  form_sink *sink;
  void *arg;
  size_t limit;      /* of a buffer for one form */
  struct buf form;   /* the one at hand */
  bool ok;           /* false from when the sink said so or memory was short */
};

void mask_encoder_init(struct encoder *e, form_sink *sink, void *arg, size_t value_len);
void mask_encoder_free(struct encoder *e);
/* Hands on what was written to e->form, and begins anew. */
void mask_encoder_emit(struct encoder *e);
/* The text in all encodings that are worth it; shorter than MASK_MIN it is passed over. */
void mask_encode(struct encoder *e, struct text t, enum mask_effort effort);
/* The same for what a buffer holds; a failed one counts as memory that was short. */
void mask_encode_buf(struct encoder *e, const struct buf *b, enum mask_effort effort);
/* Only in base64, as a whole and inside something else. */
void mask_encode_base64(struct encoder *e, struct text t);
#endif

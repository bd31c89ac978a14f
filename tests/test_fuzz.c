/* The corpus of each fuzzer once: what was found stays fixed, and the targets hold without libFuzzer. */
#include "fuzz/fuzz.h"
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { FILE_MAX = 1 << 16 };

static void replay_file(struct fuzz *f, const char *path)
{
  FILE *file = fopen(path, "rb");
  assert_non_null(file);
  char *data = malloc(FILE_MAX);
  assert_non_null(data);
  size_t n = fread(data, 1, FILE_MAX, file);
  fclose(file);
  bool holds = fuzz_one(f, data, n);
  free(data);
  if (!holds)
    fail_msg("%s", path);
}

static void replay(const char *target)
{
  char folder[256], path[600];
  snprintf(folder, sizeof folder, "tests/fuzz/corpus/%s", target);
  struct fuzz *f = fuzz_new(target);
  DIR *dir = opendir(folder);
  assert_non_null(f);
  assert_non_null(dir);
  int files = 0;
  for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
    if (e->d_name[0] == '.')
      continue;
    snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
    replay_file(f, path);
    files++;
  }
  closedir(dir);
  fuzz_free(f);
  assert_true(files > 3);
}

#define TARGET(name) \
  static void the_corpus_of_##name##_holds(void **state) { (void)state; replay(#name); }
TARGET(yaml)
TARGET(json)
TARGET(jsonc)
TARGET(toml)
TARGET(url)
TARGET(headers)
TARGET(dotenv)
TARGET(flags)
TARGET(options)
TARGET(glob)
TARGET(mask)
TARGET(archive)
TARGET(binding)
TARGET(sealed)
TARGET(multipart)
TARGET(cloud)
TARGET(faults)

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test(the_corpus_of_yaml_holds),    cmocka_unit_test(the_corpus_of_json_holds),
    cmocka_unit_test(the_corpus_of_jsonc_holds),   cmocka_unit_test(the_corpus_of_toml_holds),
    cmocka_unit_test(the_corpus_of_url_holds),     cmocka_unit_test(the_corpus_of_headers_holds),
    cmocka_unit_test(the_corpus_of_dotenv_holds),  cmocka_unit_test(the_corpus_of_flags_holds),
    cmocka_unit_test(the_corpus_of_options_holds), cmocka_unit_test(the_corpus_of_glob_holds),
    cmocka_unit_test(the_corpus_of_mask_holds),    cmocka_unit_test(the_corpus_of_archive_holds),
    cmocka_unit_test(the_corpus_of_binding_holds), cmocka_unit_test(the_corpus_of_sealed_holds),
    cmocka_unit_test(the_corpus_of_multipart_holds), cmocka_unit_test(the_corpus_of_cloud_holds),
    cmocka_unit_test(the_corpus_of_faults_holds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

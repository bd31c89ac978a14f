/* The memory of a Lua state: what it gives back is whole, and comes again. */
#include "heap.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { LUA_STRING_TAG = 4 };  /* what Lua passes as the old size of a new block */

static int open_heap(void **state)
{
  *state = heap_new();
  return *state ? 0 : -1;
}

static int close_heap(void **state)
{
  heap_free(*state);
  return 0;
}

static void a_block_keeps_its_bytes_whatever_size_it_takes(void **state)
{
  static const size_t sizes[] = {1, 16, 17, 512, 513, 100000, 600, 512, 40, 8};
  size_t size = 1, least = 1;
  char *block = heap_alloc(*state, NULL, LUA_STRING_TAG, size);
  block[0] = 'x';
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    block = heap_alloc(*state, block, size, sizes[i]);
    assert_non_null(block);
    for (size_t at = 0; at < least; at++)
      assert_int_equal(block[at], 'x');
    memset(block, 'x', sizes[i]);
    size = sizes[i];
    least = i + 1 < sizeof sizes / sizeof *sizes && sizes[i + 1] < size ? sizes[i + 1] : size;
  }
  assert_null(heap_alloc(*state, block, size, 0));
}

static void a_block_that_was_given_back_comes_again(void **state)
{
  void *first = heap_alloc(*state, NULL, LUA_STRING_TAG, 33);
  heap_alloc(*state, first, 33, 0);
  assert_ptr_equal(heap_alloc(*state, NULL, LUA_STRING_TAG, 48), first);
}

static void blocks_are_aligned_and_apart(void **state)
{
  char *blocks[5000];
  for (int i = 0; i < 5000; i++) {
    size_t size = (size_t)i % 512 + 1;
    blocks[i] = heap_alloc(*state, NULL, LUA_STRING_TAG, size);
    assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
    memset(blocks[i], i % 251, size);
  }
  for (int i = 0; i < 5000; i++)
    for (size_t at = 0; at < (size_t)i % 512 + 1; at++)
      assert_int_equal((unsigned char)blocks[i][at], i % 251);
}

static void nothing_is_no_block(void **state)
{
  assert_null(heap_alloc(*state, NULL, 0, 0));
}

int main(void)
{
  const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(a_block_keeps_its_bytes_whatever_size_it_takes, open_heap, close_heap),
    cmocka_unit_test_setup_teardown(a_block_that_was_given_back_comes_again, open_heap, close_heap),
    cmocka_unit_test_setup_teardown(blocks_are_aligned_and_apart, open_heap, close_heap),
    cmocka_unit_test_setup_teardown(nothing_is_no_block, open_heap, close_heap),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

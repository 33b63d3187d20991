// Texts of C, without a C library.
#pragma once

#include <stddef.h>

static inline int begins(const char* text, const char* prefix) {
  while (*prefix) {
    if (*text++ != *prefix++) return 0;
  }
  return 1;
}

static inline int same(const char* one, const char* other) {
  while (*one && *one == *other) {
    ++one;
    ++other;
  }
  return *one == *other;
}

static inline size_t length_of(const char* text) {
  size_t length = 0;
  while (text[length]) ++length;
  return length;
}

static inline int ends(const char* text, const char* suffix) {
  const size_t length = length_of(text), wanted = length_of(suffix);
  return length >= wanted && same(text + length - wanted, suffix);
}

static inline int has_character(const char* text, char wanted) {
  while (*text && *text != wanted) ++text;
  return *text != 0;
}

// Of words that are separated by spaces.
static inline int has_word(const char* words, const char* wanted) {
  const size_t length = length_of(wanted);
  while (*words) {
    const char* end = words;
    while (*end && *end != ' ') ++end;
    if ((size_t)(end - words) == length) {
      size_t i = 0;
      while (i < length && words[i] == wanted[i]) ++i;
      if (i == length) return 1;
    }
    words = *end ? end + 1 : end;
  }
  return 0;
}

// "FOLDER/NAME" of `length` characters of a folder; 0 if it is too long.
static inline int join_path(char* path, size_t room, const char* folder, size_t length, const char* name) {
  const size_t more = length_of(name);
  if (length >= room || more >= room - length - 1) return 0;
  for (size_t i = 0; i < length; ++i) path[i] = folder[i];
  path[length] = '/';
  for (size_t i = 0; i <= more; ++i) path[length + 1 + i] = name[i];
  return 1;
}

// SHA-256 (FIPS 180-4) of pieces, with the processor's own instructions where it has them.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct sha256 {
  uint32_t state[8];
  uint64_t bytes;
  int fast;
  uint8_t rest[64];
};

void sha256_begin(struct sha256* hash);
void sha256_add(struct sha256* hash, const uint8_t* bytes, size_t size);
void sha256_end(struct sha256* hash, uint8_t digest[32]);

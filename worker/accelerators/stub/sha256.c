#include "worker/accelerators/stub/sha256.h"

#include <cpuid.h>
#include <immintrin.h>

static const uint32_t constants[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turned(uint32_t word, int bits) { return (word >> bits) | (word << (32 - bits)); }

static void plain_block(uint32_t state[8], const uint8_t* block) {
  uint32_t w[64];
  for (int i = 0; i < 16; ++i) {
    const uint8_t* at = block + 4 * i;
    w[i] = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
  }
  for (int i = 16; i < 64; ++i) {
    const uint32_t a = w[i - 15], b = w[i - 2];
    w[i] = w[i - 16] + (turned(a, 7) ^ turned(a, 18) ^ (a >> 3)) + w[i - 7] +
           (turned(b, 17) ^ turned(b, 19) ^ (b >> 10));
  }
  uint32_t v[8];
  for (int i = 0; i < 8; ++i) v[i] = state[i];
  for (int i = 0; i < 64; ++i) {
    const uint32_t e = v[4], a = v[0];
    const uint32_t one = v[7] + (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) + ((e & v[5]) ^ (~e & v[6])) +
                         constants[i] + w[i];
    const uint32_t two =
        (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
    for (int j = 7; j > 0; --j) v[j] = v[j - 1];
    v[4] += one;
    v[0] = one + two;
  }
  for (int i = 0; i < 8; ++i) state[i] += v[i];
}

// Intel's SHA extensions: two registers hold the state as ABEF and CDGH, four the last 16 words.
__attribute__((target("sha,sse4.1,ssse3"))) static void fast_block(uint32_t state[8], const uint8_t* block) {
  const __m128i order = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i*)&state[0]), 0xb1);
  __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i*)&state[4]), 0x1b);
  __m128i abef = _mm_alignr_epi8(low, high, 8);
  __m128i cdgh = _mm_blend_epi16(high, low, 0xf0);
  const __m128i abef_before = abef, cdgh_before = cdgh;
  __m128i w[4];
  for (int i = 0; i < 16; ++i) {
    __m128i words;
    if (i < 4) {
      words = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i*)(block + 16 * i)), order);
    } else {
      const __m128i nine = _mm_alignr_epi8(w[(i + 3) % 4], w[(i + 2) % 4], 4);
      words = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(w[i % 4], w[(i + 1) % 4]), nine),
                                   w[(i + 3) % 4]);
    }
    w[i % 4] = words;
    const __m128i sum = _mm_add_epi32(words, _mm_load_si128((const __m128i*)&constants[4 * i]));
    cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);
    abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(sum, 0x0e));
  }
  abef = _mm_add_epi32(abef, abef_before);
  cdgh = _mm_add_epi32(cdgh, cdgh_before);
  low = _mm_shuffle_epi32(abef, 0x1b);
  high = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128((__m128i*)&state[0], _mm_blend_epi16(low, high, 0xf0));
  _mm_storeu_si128((__m128i*)&state[4], _mm_alignr_epi8(high, low, 8));
}

static int has_fast_block(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
  if (!(c & bit_SSE4_1) || !(c & bit_SSSE3)) return 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
  return (b & bit_SHA) != 0;
}

static void block_of(struct sha256* hash, const uint8_t* block) {
  if (hash->fast) {
    fast_block(hash->state, block);
  } else {
    plain_block(hash->state, block);
  }
}

void sha256_begin(struct sha256* hash) {
  hash->state[0] = 0x6a09e667;
  hash->state[1] = 0xbb67ae85;
  hash->state[2] = 0x3c6ef372;
  hash->state[3] = 0xa54ff53a;
  hash->state[4] = 0x510e527f;
  hash->state[5] = 0x9b05688c;
  hash->state[6] = 0x1f83d9ab;
  hash->state[7] = 0x5be0cd19;
  hash->bytes = 0;
  hash->fast = has_fast_block();
}

void sha256_add(struct sha256* hash, const uint8_t* bytes, size_t size) {
  size_t held = hash->bytes % 64;
  hash->bytes += size;
  if (held > 0) {
    while (held < 64 && size > 0) {
      hash->rest[held++] = *bytes++;
      --size;
    }
    if (held < 64) return;
    block_of(hash, hash->rest);
  }
  for (; size >= 64; bytes += 64, size -= 64) block_of(hash, bytes);
  for (size_t i = 0; i < size; ++i) hash->rest[i] = bytes[i];
}

void sha256_end(struct sha256* hash, uint8_t digest[32]) {
  const uint64_t bits = hash->bytes * 8;
  size_t held = hash->bytes % 64;
  hash->rest[held++] = 0x80;
  if (held > 56) {
    while (held < 64) hash->rest[held++] = 0;
    block_of(hash, hash->rest);
    held = 0;
  }
  while (held < 56) hash->rest[held++] = 0;
  for (int i = 0; i < 8; ++i) hash->rest[56 + i] = (uint8_t)(bits >> (56 - 8 * i));
  block_of(hash, hash->rest);
  for (int i = 0; i < 32; ++i) digest[i] = (uint8_t)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

#include "tests/support/freed_memory.h"

#include <malloc.h>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

namespace crossmill {
namespace {

char planted_text[64];
// 0: nobody looks.
std::atomic<size_t> planted_size = 0;
std::atomic<int> blocks_found = 0;

void Inspect(void* block) {
  const size_t size = planted_size;
  if (size == 0 || block == nullptr) return;
  if (memmem(block, malloc_usable_size(block), planted_text, size) == nullptr) return;
  ++blocks_found;
  // So that whoever gets the block next is not blamed.
  memset(block, 0, malloc_usable_size(block));
}

void* Allocate(size_t size, size_t alignment) {
  void* block = alignment <= alignof(std::max_align_t)
                    ? malloc(size == 0 ? 1 : size)
                    : aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  // Nobody mends a test that is out of memory.
  if (block == nullptr) abort();
  return block;
}

void GiveBack(void* block) {
  Inspect(block);
  free(block);
}

}  // namespace

FreedMemory::FreedMemory(std::string_view planted) {
  blocks_found = 0;
  memcpy(planted_text, planted.data(), planted.size());
  planted_size = planted.size();
}

FreedMemory::~FreedMemory() { planted_size = 0; }

int FreedMemory::found() const { return blocks_found; }

}  // namespace crossmill

// The program's allocator, in the test programs that look.
void* operator new(size_t size) { return crossmill::Allocate(size, 1); }
void* operator new[](size_t size) { return crossmill::Allocate(size, 1); }
void* operator new(size_t size, std::align_val_t alignment) {
  return crossmill::Allocate(size, static_cast<size_t>(alignment));
}
void* operator new[](size_t size, std::align_val_t alignment) {
  return crossmill::Allocate(size, static_cast<size_t>(alignment));
}
// std::stable_sort takes its memory so; what one operator gives the other must take back.
void* operator new(size_t size, const std::nothrow_t&) noexcept { return crossmill::Allocate(size, 1); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return crossmill::Allocate(size, 1); }
void* operator new(size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return crossmill::Allocate(size, static_cast<size_t>(alignment));
}
void* operator new[](size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return crossmill::Allocate(size, static_cast<size_t>(alignment));
}
void operator delete(void* block) noexcept { crossmill::GiveBack(block); }
void operator delete[](void* block) noexcept { crossmill::GiveBack(block); }
void operator delete(void* block, size_t) noexcept { crossmill::GiveBack(block); }
void operator delete[](void* block, size_t) noexcept { crossmill::GiveBack(block); }
void operator delete(void* block, std::align_val_t) noexcept { crossmill::GiveBack(block); }
void operator delete[](void* block, std::align_val_t) noexcept { crossmill::GiveBack(block); }
void operator delete(void* block, size_t, std::align_val_t) noexcept { crossmill::GiveBack(block); }
void operator delete[](void* block, size_t, std::align_val_t) noexcept { crossmill::GiveBack(block); }

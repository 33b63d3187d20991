// Memory that holds secrets: overwritten before it goes back to the allocator.
//
// A std::string is not enough by itself: when it grows it leaves its old bytes behind, a short one is copied
// whenever its holder moves, and one that became shorter keeps the rest. What holds a secret for longer than
// a call is WipedBytes; what has to be a std::string (fields of messages) is wiped by whoever drops it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace crossmill {

// Overwrites `size` bytes at `memory`; the compiler does not leave it out.
void WipeMemory(void* memory, size_t size);

// Overwrites all that `text` has room for, and empties it.
void Wipe(std::string* text);

// Wipes the values of secrets in a message or container, those of a repeated field for instance.
template <typename Secrets>
void WipeValues(Secrets* secrets) {
  for (auto& secret : *secrets) Wipe(secret.mutable_value());
}

// Messages that hold values of secrets (v1::Secret): each copy is wiped when it is dropped. Elements are
// added, never taken out one by one.
template <typename Secret>
class WipedSecrets : public std::vector<Secret> {
 public:
  using std::vector<Secret>::vector;
  explicit WipedSecrets(std::vector<Secret> secrets) : std::vector<Secret>(std::move(secrets)) {}
  WipedSecrets(const WipedSecrets&) = default;
  WipedSecrets(WipedSecrets&&) noexcept = default;
  WipedSecrets& operator=(WipedSecrets other) noexcept {
    this->swap(other);
    return *this;
  }
  ~WipedSecrets() { WipeValues(this); }
};

// For std::vector: its memory is wiped whenever it is given back, also when it has grown.
template <typename T>
class WipingAllocator {
 public:
  using value_type = T;
  WipingAllocator() = default;
  template <typename Other>
  explicit WipingAllocator(const WipingAllocator<Other>&) {}

  T* allocate(size_t count) { return std::allocator<T>().allocate(count); }
  void deallocate(T* memory, size_t count) {
    WipeMemory(memory, count * sizeof(T));
    std::allocator<T>().deallocate(memory, count);
  }
  friend bool operator==(const WipingAllocator&, const WipingAllocator&) { return true; }
};

using WipedBytes = std::vector<char, WipingAllocator<char>>;

inline WipedBytes ToWiped(std::string_view text) { return {text.begin(), text.end()}; }
inline std::string_view View(const WipedBytes& bytes) { return {bytes.data(), bytes.size()}; }

// Does `work` when the scope ends, on every way out of it: for wiping copies that a call made.
template <typename Work>
class [[nodiscard]] AtScopeEnd {
 public:
  explicit AtScopeEnd(Work work) : work_(std::move(work)) {}
  ~AtScopeEnd() { work_(); }
  AtScopeEnd(const AtScopeEnd&) = delete;
  AtScopeEnd& operator=(const AtScopeEnd&) = delete;

 private:
  Work work_;
};

}  // namespace crossmill

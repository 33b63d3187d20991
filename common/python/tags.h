// Which wheels a Python can use, and in which order it prefers them (PEP 425, 600, 656): what
// `packaging.tags` and `pip debug` list for an environment that is described instead of looked at.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "common/python/wheel_name.h"

namespace crossmill::python {

struct Libc {
  enum class Kind { kGlibc, kMusl, kNone };
  Kind kind = Kind::kNone;
  int major = 0;
  int minor = 0;
};

// A CPython on Linux.
struct TagEnvironment {
  int python_major = 3;
  int python_minor = 0;
  // Built without the global interpreter lock ("cp313t").
  bool free_threaded = false;
  // The kernel's: x86_64, i686, aarch64, armv8l, armv7l, armv6l, ppc64le, s390x, riscv64, ...
  std::string machine;
  // A 32-bit Python on a 64-bit machine: i686 on x86_64; armv8l, then armv7l on aarch64.
  bool bits32 = false;
  Libc libc;
  // Wheels for linux_ARCH before manylinux and musllinux (packaging from 26.3 on), or after them (older, and
  // uv).
  bool linux_first = true;
};

// "cp311", "cp313t"
std::string AbiName(const TagEnvironment& environment);
// The architectures that occur in its tags, the best first: {"armv8l", "armv7l"}.
std::vector<std::string> Architectures(const TagEnvironment& environment);
// "linux_x86_64", "manylinux_2_36_x86_64", ... without "any", the best first.
std::vector<std::string> PlatformTags(const TagEnvironment& environment);

// What a platform tag asks for: for the reasons why a wheel does not fit.
struct PlatformNeed {
  enum class System { kLinux, kOther, kAny };
  System system = System::kOther;
  // Of kLinux. libc is kNone for linux_ARCH.
  std::string architecture;
  Libc libc;
};
PlatformNeed ReadPlatformTag(std::string_view tag);

// The tags of one environment. Immutable. Ranks are computed, not looked up in the list: a map of the
// platforms (some 150 at most) is all that it holds.
class TagRanks {
 public:
  // INVALID_ARGUMENT for a version or a libc that cannot be.
  static absl::StatusOr<TagRanks> Of(const TagEnvironment& environment);

  const TagEnvironment& environment() const { return environment_; }
  // All tags, the best first.
  std::vector<Tag> List() const;
  // The place of a tag, or of the best tag of a wheel, in that list; nullopt if it is not there.
  std::optional<size_t> Rank(const Tag& tag) const;
  std::optional<size_t> Rank(const WheelName& wheel) const;
  // Whether Python and ABI tags are among those that fit, whatever the platform.
  bool FitsPython(const WheelName& wheel) const;
  // Whether one of the platform tags is, whatever the Python.
  bool FitsPlatform(const WheelName& wheel) const;

 private:
  // A run of tags with one Python and ABI: with every platform in turn, or with "any" alone.
  struct Group {
    std::string python;
    std::string abi;
    bool any = false;
    size_t first = 0;
  };

  // Finds by views.
  struct GroupOrder {
    using is_transparent = void;
    using View = std::tuple<std::string_view, std::string_view, bool>;
    bool operator()(const View& a, const View& b) const { return a < b; }
  };

  explicit TagRanks(const TagEnvironment& environment);
  void AddGroup(std::string python, std::string abi, bool any);
  std::optional<size_t> PlatformRank(std::string_view platform) const;
  const Group* FindGroup(std::string_view python, std::string_view abi, bool any) const;

  TagEnvironment environment_;
  std::vector<std::string> platforms_;
  std::map<std::string, size_t, std::less<>> platform_ranks_;
  std::vector<Group> groups_;
  // Python, ABI, any -> index in groups_.
  std::map<std::tuple<std::string, std::string, bool>, size_t, GroupOrder> group_indices_;
};

}  // namespace crossmill::python

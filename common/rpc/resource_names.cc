#include "common/rpc/resource_names.h"

#include <array>
#include <charconv>
#include <random>
#include <vector>

#include "absl/types/span.h"
#include "common/base/status.h"

namespace crossmill::rpc {
namespace {

constexpr std::string_view kHashOfNothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
// What an instance name may not contain, so that the first one ends it.
constexpr std::array<std::string_view, 7> kKeywords = {
    "blobs", "uploads", "compressed-blobs", "actions", "actionResults", "operations", "capabilities"};

std::vector<std::string_view> Split(std::string_view name) {
  std::vector<std::string_view> segments;
  while (true) {
    const size_t slash = name.find('/');
    segments.push_back(name.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    name.remove_prefix(slash + 1);
  }
}

bool IsKeyword(std::string_view segment) {
  for (std::string_view keyword : kKeywords) {
    if (segment == keyword) return true;
  }
  return false;
}

absl::Status Malformed(std::string_view name, std::string_view what) {
  return absl::InvalidArgumentError(fmt::format("resource name \"{}\": {}", name, what));
}

// "8-4-4-4-12" hex digits; the API asks for a UUID and we hold clients to it.
bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !std::isxdigit(static_cast<unsigned char>(text[i]))) return false;
  }
  return true;
}

// The segments from `blobs` or `compressed-blobs` on.
absl::Status ParseBlobPart(std::string_view name, absl::Span<const std::string_view> rest, bool allow_more,
                           ResourceName* parsed) {
  if (rest[0] == "compressed-blobs") {
    if (rest.size() < 2 || rest[1] != "zstd") return Malformed(name, "the only compressor is zstd");
    parsed->zstd = true;
    rest.remove_prefix(1);
  } else if (rest[0] != "blobs") {
    return Malformed(name, "expected blobs or compressed-blobs");
  }
  rest.remove_prefix(1);
  if (rest.size() < 2) return Malformed(name, "expected blobs/{hash}/{size}");
  if (rest.size() > 2 && !allow_more)
    return Malformed(name, "nothing may follow the size; the digest function is SHA-256");
  parsed->digest.hash = std::string(rest[0]);
  const std::string_view size = rest[1];
  auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), parsed->digest.size);
  if (error != std::errc() || end != size.data() + size.size())
    return Malformed(name, "the size is not a number");
  const absl::Status status = CheckDigest(parsed->digest);
  return status.ok() ? status : Malformed(name, Sv(status.message()));
}

std::string NewUuid() {
  std::random_device random;
  std::array<uint32_t, 4> words;
  for (uint32_t& word : words) word = random();
  // Version 4, variant 1 (RFC 4122).
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:04x}{:08x}", words[0], words[1] >> 16, words[1] & 0xfff,
                     0x8000 | ((words[2] >> 16) & 0x3fff), words[2] & 0xffff, words[3]);
}

// Length of the instance, and the segments after it.
size_t InstanceSegments(absl::Span<const std::string_view> segments) {
  size_t count = 0;
  while (count < segments.size() && !IsKeyword(segments[count])) ++count;
  return count;
}

std::string InstanceOf(std::string_view name, absl::Span<const std::string_view> segments, size_t count) {
  if (count == 0) return "";
  const std::string_view last = segments[count - 1];
  return std::string(name.substr(0, static_cast<size_t>(last.data() + last.size() - name.data())));
}

}  // namespace

absl::Status CheckDigest(const Digest& digest) {
  if (!IsSha256Hex(digest.hash))
    return absl::InvalidArgumentError("the hash is not 64 lower-case hex digits");
  if (digest.size < 0) return absl::InvalidArgumentError("the size is negative");
  if ((digest.size == 0) != (digest.hash == kHashOfNothing)) {
    return absl::InvalidArgumentError(
        fmt::format("{} cannot be: hash and size contradict each other", ToString(digest)));
  }
  return absl::OkStatus();
}

absl::StatusOr<ResourceName> ParseReadName(std::string_view name) {
  const std::vector<std::string_view> all = Split(name);
  const absl::Span<const std::string_view> segments(all);
  const size_t count = InstanceSegments(segments);
  if (count == segments.size()) return Malformed(name, "expected [instance/]blobs/{hash}/{size}");
  ResourceName parsed;
  parsed.instance = InstanceOf(name, segments, count);
  RETURN_IF_ERROR(ParseBlobPart(name, segments.subspan(count), false, &parsed));
  return parsed;
}

absl::StatusOr<ResourceName> ParseWriteName(std::string_view name) {
  const std::vector<std::string_view> all = Split(name);
  const absl::Span<const std::string_view> segments(all);
  const size_t count = InstanceSegments(segments);
  if (count + 3 > segments.size() || segments[count] != "uploads") {
    return Malformed(name, "expected [instance/]uploads/{uuid}/blobs/{hash}/{size}");
  }
  ResourceName parsed;
  parsed.instance = InstanceOf(name, segments, count);
  parsed.uuid = std::string(segments[count + 1]);
  if (!IsUuid(parsed.uuid)) return Malformed(name, "expected a UUID after uploads/");
  RETURN_IF_ERROR(ParseBlobPart(name, segments.subspan(count + 2), true, &parsed));
  return parsed;
}

std::string ReadName(const Digest& digest, bool zstd) {
  return fmt::format("{}/{}/{}", zstd ? "compressed-blobs/zstd" : "blobs", digest.hash, digest.size);
}

std::string NewWriteName(const Digest& digest, bool zstd) {
  return fmt::format("uploads/{}/{}", NewUuid(), ReadName(digest, zstd));
}

}  // namespace crossmill::rpc

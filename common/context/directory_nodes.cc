#include "common/context/directory_nodes.h"

#include <fmt/format.h>

namespace crossmill::context {
namespace {

namespace reapi = ::build::bazel::remote::execution::v2;

// Floor, also before 1970.
int64_t Seconds(int64_t nanos) {
  const int64_t seconds = nanos / 1'000'000'000;
  return nanos % 1'000'000'000 < 0 ? seconds - 1 : seconds;
}

void SetProperties(const NodeFacts& facts, reapi::NodeProperties* properties) {
  properties->mutable_unix_mode()->set_value(facts.mode);
  if (facts.keep_times) properties->mutable_mtime()->set_seconds(Seconds(facts.mtime_nanos));
}

}  // namespace

RawSha256 RawOf(const std::string& hex) {
  RawSha256 raw;
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (size_t i = 0; i < raw.size(); ++i) {
    raw[i] = static_cast<uint8_t>(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
  }
  return raw;
}

std::string HexOf(const RawSha256& raw) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex(64, '0');
  for (size_t i = 0; i < raw.size(); ++i) {
    hex[2 * i] = kDigits[raw[i] >> 4];
    hex[2 * i + 1] = kDigits[raw[i] & 15];
  }
  return hex;
}

void AddFile(const NodeFacts& facts, const RawSha256& hash, int64_t size, std::string_view hard_link,
             reapi::Directory* folder) {
  reapi::FileNode* node = folder->add_files();
  node->set_name(std::string(facts.name));
  node->mutable_digest()->set_hash(HexOf(hash));
  node->mutable_digest()->set_size_bytes(size);
  node->set_is_executable((facts.mode & 0100) != 0);
  SetProperties(facts, node->mutable_node_properties());
  if (hard_link.empty()) return;
  reapi::NodeProperty* property = node->mutable_node_properties()->add_properties();
  property->set_name("hardlink");
  property->set_value(std::string(hard_link));
}

void AddLink(const NodeFacts& facts, std::string_view target, reapi::Directory* folder) {
  reapi::SymlinkNode* node = folder->add_symlinks();
  node->set_name(std::string(facts.name));
  node->set_target(std::string(target));
  if (facts.keep_times)
    node->mutable_node_properties()->mutable_mtime()->set_seconds(Seconds(facts.mtime_nanos));
}

void AddFolder(std::string_view name, const Digest& digest, reapi::Directory* folder) {
  reapi::DirectoryNode* node = folder->add_directories();
  node->set_name(std::string(name));
  ToProto(digest, node->mutable_digest());
}

void SetFolder(const NodeFacts& facts, reapi::Directory* folder) {
  SetProperties(facts, folder->mutable_node_properties());
}

std::string EscapedPath(std::string_view path) {
  std::string text;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7f || byte == '%') {
      text += fmt::format("%{:02X}", byte);
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace crossmill::context

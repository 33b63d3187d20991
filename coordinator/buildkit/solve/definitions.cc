#include "coordinator/buildkit/solve/definitions.h"

#include <fmt/format.h>

#include "common/base/digest.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace crossmill::coordinator::buildkit {
namespace {

constexpr std::string_view kTokenScheme = "crossmill://ref/";
// Source, copy out of it, end.
constexpr int kMostOperations = 8;

std::string OpDigest(const std::string& op) { return "sha256:" + Sha256Hex(op); }

std::string_view NameOf(const pb::Op& op) {
  switch (op.op_case()) {
    case pb::Op::kExec:
      return "exec";
    case pb::Op::kFile:
      return "file";
    case pb::Op::kBuild:
      return "build";
    case pb::Op::kMerge:
      return "merge";
    case pb::Op::kDiff:
      return "diff";
    default:
      return "unknown";
  }
}

absl::Status NotServed(std::string_view operation) {
  return absl::UnimplementedError(fmt::format(
      "operation {} of a raw definition is not served: the farm builds Dockerfiles, and reads files of one "
      "git or http source; use the dockerfile.v0 frontend",
      operation));
}

// "git://host/path.git#ref:folder" with the whole URL beside it.
std::string GitUrl(const pb::SourceOp& source) {
  std::string rest = source.identifier().substr(std::string_view("git://").size());
  std::string fragment;
  if (const size_t hash = rest.find('#'); hash != std::string::npos) {
    fragment = rest.substr(hash);
    rest.resize(hash);
  }
  std::string url = "https://" + rest;
  if (const auto full = source.attrs().find("git.fullurl");
      full != source.attrs().end() && !full->second.empty())
    url = full->second;
  if (const size_t hash = url.find('#'); hash != std::string::npos) url.resize(hash);
  if (const auto folder = source.attrs().find("git.subdir");
      folder != source.attrs().end() && fragment.find(':') == std::string::npos && !folder->second.empty())
    fragment = (fragment.empty() ? "#" : fragment) + ":" + folder->second;
  return url + fragment;
}

}  // namespace

pb::Definition TokenFor(const std::string& id) {
  pb::Op source;
  source.mutable_source()->set_identifier(std::string(kTokenScheme) + id);
  const std::string first = source.SerializeAsString();
  pb::Op end;
  end.add_inputs()->set_digest(OpDigest(first));
  pb::Definition definition;
  definition.add_def(first);
  definition.add_def(end.SerializeAsString());
  (*definition.mutable_metadata())[OpDigest(first)];
  return definition;
}

std::optional<std::string> IdOfToken(const pb::Definition& definition) {
  for (const std::string& bytes : definition.def()) {
    pb::Op op;
    if (!op.ParseFromString(bytes) || !op.has_source()) continue;
    if (op.source().identifier().starts_with(kTokenScheme))
      return op.source().identifier().substr(kTokenScheme.size());
  }
  return std::nullopt;
}

absl::StatusOr<RawSource> ReadRawSource(const pb::Definition& definition) {
  if (definition.def_size() > kMostOperations)
    return NotServed(fmt::format("graph of {} operations", definition.def_size()));
  RawSource read;
  int sources = 0;
  for (const std::string& bytes : definition.def()) {
    pb::Op op;
    if (!op.ParseFromString(bytes))
      return absl::InvalidArgumentError("a raw definition has an operation that is none");
    // The end of the graph, which only names its result.
    if (op.op_case() == pb::Op::OP_NOT_SET) continue;
    if (op.has_file()) {
      for (const pb::FileAction& action : op.file().actions()) {
        if (!action.has_copy()) return NotServed("file");
        read.unpacked = read.unpacked || action.copy().attemptunpackdockercompatibility();
      }
      continue;
    }
    if (!op.has_source()) return NotServed(NameOf(op));
    if (++sources > 1) return NotServed("graph of several sources");
    const pb::SourceOp& source = op.source();
    if (source.identifier().starts_with("git://")) {
      read.kind = RawSource::Kind::kGit;
      read.url = GitUrl(source);
    } else if (source.identifier().starts_with("https://") || source.identifier().starts_with("http://")) {
      read.kind = RawSource::Kind::kHttp;
      read.url = source.identifier();
    } else {
      return NotServed(fmt::format("source {}", Printable(source.identifier().substr(0, 100))));
    }
    read.attributes.insert(source.attrs().begin(), source.attrs().end());
  }
  if (sources == 0) return absl::InvalidArgumentError("a raw definition has no source");
  return read;
}

}  // namespace crossmill::coordinator::buildkit

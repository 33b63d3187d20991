#include "common/plan/remote_source.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/dockerfile/go_format.h"
#include "common/dockerfile/recipe_error.h"

namespace crossmill::plan {
namespace {

const std::vector<std::string>& QueryNames() {
  static const std::vector<std::string> names = {
      "ref",    "tag",          "branch", "subdir",          "checksum",
      "commit", "keep-git-dir", "mtime",  "fetch-by-commit", "submodules"};
  return names;
}

// Percent escapes decoded; malformed ones stay. `plus`: '+' is a blank, as in queries.
std::string Decoded(std::string_view text, bool plus) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() &&
        absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 1])) &&
        absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      decoded += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      decoded += plus && text[i] == '+' ? ' ' : text[i];
    }
  }
  return decoded;
}

struct UrlParts {
  std::string_view scheme;
  std::string_view path;
  std::string_view query;
  std::string_view fragment;
};

// SCHEME://AUTHORITY/PATH?QUERY#FRAGMENT.
std::optional<UrlParts> SplitUrl(std::string_view text) {
  UrlParts parts;
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  parts.scheme = text.substr(0, colon);
  for (const char c : parts.scheme) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c))) return std::nullopt;
  }
  text.remove_prefix(colon + 3);
  if (const size_t hash = text.find('#'); hash != std::string_view::npos) {
    parts.fragment = text.substr(hash + 1);
    text = text.substr(0, hash);
  }
  if (const size_t mark = text.find('?'); mark != std::string_view::npos) {
    parts.query = text.substr(mark + 1);
    text = text.substr(0, mark);
  }
  if (const size_t slash = text.find('/'); slash != std::string_view::npos) parts.path = text.substr(slash);
  return parts;
}

// USER@HOST:PATH?QUERY#FRAGMENT.
std::optional<UrlParts> SplitScp(std::string_view text) {
  const size_t at = text.find('@');
  if (at == std::string_view::npos || at == 0) return std::nullopt;
  const size_t colon = text.find(':', at);
  if (colon == std::string_view::npos || colon == at + 1) return std::nullopt;
  const auto is_word = [](std::string_view part, std::string_view more) {
    return std::all_of(part.begin(), part.end(), [&](char c) {
      return absl::ascii_isalnum(static_cast<unsigned char>(c)) || more.find(c) != std::string_view::npos;
    });
  };
  if (!is_word(text.substr(0, at), "-_") || !is_word(text.substr(at + 1, colon - at - 1), "-."))
    return std::nullopt;
  UrlParts parts;
  parts.scheme = "ssh";
  text.remove_prefix(colon + 1);
  if (const size_t hash = text.find('#'); hash != std::string_view::npos) {
    parts.fragment = text.substr(hash + 1);
    text = text.substr(0, hash);
  }
  if (const size_t mark = text.find('?'); mark != std::string_view::npos) {
    parts.query = text.substr(mark + 1);
    text = text.substr(0, mark);
  }
  parts.path = text;
  return parts;
}

absl::Status Conflict(std::string_view what, std::string_view left, std::string_view right) {
  return absl::InvalidArgumentError(
      fmt::format("git reference names two {}: '{}' and '{}'; expected one", what, left, right));
}

using Query = std::map<std::string, std::string>;

absl::StatusOr<Query> ReadQuery(std::string_view text) {
  Query query;
  for (const auto part : absl::StrSplit(Av(text), '&', absl::SkipEmpty())) {
    const std::string_view pair = Sv(part);
    const size_t equals = pair.find('=');
    const std::string name = Decoded(pair.substr(0, equals), true);
    const std::string value = equals == std::string_view::npos ? "" : Decoded(pair.substr(equals + 1), true);
    const std::vector<std::string>& names = QueryNames();
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      const std::string hint = dockerfile::DidYouMean(name, names);
      return absl::InvalidArgumentError(
          fmt::format("unknown '{}' in the query of a git reference{}", name,
                      hint.empty() ? "; expected ref, tag, branch, subdir, checksum, commit, keep-git-dir, "
                                     "mtime, fetch-by-commit or submodules"
                                   : hint));
    }
    if (value.empty() && name != "submodules" && name != "keep-git-dir" && name != "fetch-by-commit") {
      return absl::InvalidArgumentError(
          fmt::format("'{}' in the query of a git reference has no value; expected {}=VALUE", name, name));
    }
    if (!query.emplace(name, value).second) {
      return absl::InvalidArgumentError(
          fmt::format("'{}' is twice in the query of a git reference; expected it once", name));
    }
  }
  return query;
}

std::string ValueOf(const Query& query, const std::string& name) {
  const auto found = query.find(name);
  return found == query.end() ? "" : found->second;
}

absl::Status CheckNames(const Query& query, std::string_view fragment) {
  const size_t colon = fragment.find(':');
  std::string ref = Decoded(fragment.substr(0, colon), false);
  const auto join = [&](std::string name, std::string_view prefix) -> absl::Status {
    if (name.empty()) return absl::OkStatus();
    if (!prefix.empty() && !name.starts_with(prefix)) name = std::string(prefix) + name;
    if (!ref.empty() && ref != name) return Conflict("references", ref, name);
    ref = std::move(name);
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(join(ValueOf(query, "ref"), ""));
  RETURN_IF_ERROR(join(ValueOf(query, "tag"), "refs/tags/"));
  RETURN_IF_ERROR(join(ValueOf(query, "branch"), "refs/heads/"));
  const std::string folder =
      colon == std::string_view::npos ? "" : Decoded(fragment.substr(colon + 1), false);
  const std::string subdir = ValueOf(query, "subdir");
  if (!folder.empty() && !subdir.empty() && folder != subdir) return Conflict("folders", folder, subdir);
  const std::string checksum = ValueOf(query, "checksum");
  const std::string commit = ValueOf(query, "commit");
  if (!checksum.empty() && !commit.empty() && checksum != commit)
    return Conflict("commits", checksum, commit);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<bool>> Boolean(const Query& query, const std::string& name) {
  const auto found = query.find(name);
  if (found == query.end()) return std::optional<bool>();
  if (found->second.empty()) return std::optional<bool>(true);
  const std::optional<bool> value = dockerfile::ParseGoBool(found->second);
  if (!value) {
    return absl::InvalidArgumentError(
        fmt::format("'{}' in the query of a git reference has the value '{}'; expected true or false", name,
                    found->second));
  }
  return value;
}

}  // namespace

absl::StatusOr<RemoteReference> ReadRemoteReference(std::string_view source, bool known_git) {
  RemoteReference reference;
  std::optional<UrlParts> parts = SplitUrl(source);
  if (parts) {
    const std::string scheme = absl::AsciiStrToLower(Av(parts->scheme));
    const bool http = scheme == "http" || scheme == "https";
    if (!http && scheme != "ssh" && scheme != "git") return reference;
    if (http && !known_git && !parts->path.ends_with(".git")) {
      // Elsewhere schemes are taken in any case, but not here: as a path they then do not exist.
      const bool url = source.starts_with("http://") || source.starts_with("https://");
      reference.kind = url ? RemoteReference::kFile : RemoteReference::kPath;
      return reference;
    }
  } else {
    if (source.starts_with("./") || source.starts_with("../")) return reference;
    parts = SplitScp(source);
    if (!parts) return reference;
  }
  reference.kind = RemoteReference::kGit;
  ASSIGN_OR_RETURN(const Query query, ReadQuery(parts->query));
  RETURN_IF_ERROR(CheckNames(query, parts->fragment));
  ASSIGN_OR_RETURN(reference.keep_git_dir, Boolean(query, "keep-git-dir"));
  RETURN_IF_ERROR(Boolean(query, "submodules").status());
  reference.checksum = ValueOf(query, "checksum");
  if (reference.checksum.empty()) reference.checksum = ValueOf(query, "commit");
  return reference;
}

std::string FileNameOfUrl(std::string_view url) {
  const std::optional<UrlParts> parts = SplitUrl(url);
  if (!parts) return "";
  std::string path = Decoded(parts->path, false);
  while (path.ends_with('/')) path.pop_back();
  std::string name = path.substr(path.rfind('/') + 1);
  // A NUL or a dot name can be no file's.
  return name == "." || name == ".." || name.find('\0') != std::string::npos ? "" : name;
}

}  // namespace crossmill::plan

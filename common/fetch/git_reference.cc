#include "common/fetch/git_reference.h"

#include <algorithm>
#include <map>
#include <vector>

#include "common/base/status.h"

namespace crossmill::fetch {
namespace {

constexpr std::string_view kAlphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool AllOf(std::string_view text, std::string_view more) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return kAlphanumeric.find(c) != std::string_view::npos || more.find(c) != std::string_view::npos;
  });
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return lower;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

absl::StatusOr<std::string> Unescape(std::string_view text, bool plus_is_blank) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return absl::InvalidArgumentError(fmt::format("\"{}\" has a % without two hex digits", text));
      }
      plain.push_back(static_cast<char>(high << 4 | low));
      i += 2;
    } else {
      plain.push_back(plus_is_blank && text[i] == '+' ? ' ' : text[i]);
    }
  }
  return plain;
}

// The text in its parts, before anything is judged.
struct Parts {
  // Lower case; "ssh" for USER@HOST:PATH; empty when the text is no git URL.
  std::string scheme;
  // Everything before query and fragment.
  std::string remote;
  // Of the remote, without the host.
  std::string path;
  std::string query;
  std::string fragment;
};

void CutTail(std::string_view* text, char mark, std::string* tail) {
  const size_t at = text->find(mark);
  if (at == std::string_view::npos) return;
  *tail = text->substr(at + 1);
  *text = text->substr(0, at);
}

// USER@HOST:PATH, as ssh and scp write it.
bool SplitScp(std::string_view text, Parts* parts) {
  CutTail(&text, '#', &parts->fragment);
  CutTail(&text, '?', &parts->query);
  const size_t at = text.find('@');
  if (at == std::string_view::npos || at == 0) return false;
  const size_t colon = text.find(':', at);
  if (colon == std::string_view::npos || colon == at + 1) return false;
  if (!AllOf(text.substr(0, at), "-_") || !AllOf(text.substr(at + 1, colon - at - 1), "-.")) return false;
  parts->scheme = "ssh";
  parts->remote = text;
  parts->path = text.substr(colon + 1);
  return true;
}

// Without a scheme in the result the text is no git URL.
Parts Split(std::string_view text, GitShorthand shorthand) {
  Parts parts;
  if (text.starts_with("./") || text.starts_with("../")) return parts;
  std::string with_scheme;
  if (text.starts_with("github.com/")) {
    if (shorthand == GitShorthand::kRefuse) return parts;
    with_scheme = fmt::format("https://{}", text);
    text = with_scheme;
  }
  const size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0 || !AllOf(text.substr(0, colon), "")) {
    if (!SplitScp(text, &parts)) return Parts();
    return parts;
  }
  const std::string scheme = Lower(text.substr(0, colon));
  if (scheme != "http" && scheme != "https" && scheme != "ssh" && scheme != "git") return parts;
  CutTail(&text, '#', &parts.fragment);
  CutTail(&text, '?', &parts.query);
  const size_t path = text.find('/', colon + 3);
  parts.path = path == std::string_view::npos ? "" : text.substr(path);
  const bool web = scheme == "http" || scheme == "https";
  if (web && with_scheme.empty() && !parts.path.ends_with(".git")) return Parts();
  parts.scheme = scheme;
  parts.remote = scheme + std::string(text.substr(colon));
  return parts;
}

absl::StatusOr<std::string> CleanFolder(std::string_view folder) {
  std::vector<std::string_view> kept;
  std::string_view rest = folder;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view name = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (name.empty() || name == ".") continue;
    if (name != "..") {
      kept.push_back(name);
    } else if (!kept.empty()) {
      kept.pop_back();
    } else {
      return absl::InvalidArgumentError(fmt::format("the folder \"{}\" leads out of the repository", folder));
    }
  }
  std::string clean;
  for (const std::string_view name : kept) {
    if (!clean.empty()) clean += '/';
    clean += name;
  }
  return clean;
}

// As Go's strconv.ParseBool.
std::optional<bool> ParseBool(std::string_view text) {
  for (const std::string_view word : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == word) return true;
  }
  for (const std::string_view word : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == word) return false;
  }
  return std::nullopt;
}

// Name -> value.
absl::StatusOr<std::map<std::string, std::string>> ParseQuery(std::string_view query) {
  std::map<std::string, std::string> values;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    ASSIGN_OR_RETURN(const std::string name, Unescape(pair.substr(0, equals), true));
    ASSIGN_OR_RETURN(std::string value, Unescape(pair.substr(std::min(equals + 1, pair.size())), true));
    if (!values.emplace(name, std::move(value)).second) {
      return absl::InvalidArgumentError(fmt::format("the query says {} more than once", name));
    }
  }
  return values;
}

absl::Status SetOnce(std::string_view what, const std::string& value, std::string* field) {
  if (!field->empty() && *field != value) {
    return absl::InvalidArgumentError(
        fmt::format("{} is said twice: \"{}\" and \"{}\"", what, *field, value));
  }
  *field = value;
  return absl::OkStatus();
}

absl::Status ApplyFlag(const std::string& name, const std::string& value, GitReference* reference) {
  // The name alone means yes.
  const std::optional<bool> flag = value.empty() ? true : ParseBool(value);
  if (!flag) return absl::InvalidArgumentError(fmt::format("{}={}: expected true or false", name, value));
  if (name == "submodules") reference->submodules = flag;
  if (name == "keep-git-dir") reference->keep_git_dir = flag;
  return absl::OkStatus();
}

absl::Status ApplyQuery(const std::map<std::string, std::string>& query, GitReference* reference) {
  std::string tag;
  std::string branch;
  for (const auto& [name, value] : query) {
    if (name == "submodules" || name == "keep-git-dir" || name == "fetch-by-commit") {
      RETURN_IF_ERROR(ApplyFlag(name, value, reference));
      continue;
    }
    if (value.empty()) return absl::InvalidArgumentError(fmt::format("the query's {} has no value", name));
    if (name == "ref") {
      RETURN_IF_ERROR(SetOnce("the ref", value, &reference->ref));
    } else if (name == "tag") {
      tag = value.starts_with("refs/tags/") ? value : "refs/tags/" + value;
    } else if (name == "branch") {
      branch = value.starts_with("refs/heads/") ? value : "refs/heads/" + value;
    } else if (name == "subdir") {
      RETURN_IF_ERROR(SetOnce("the folder", value, &reference->folder));
    } else if (name == "checksum" || name == "commit") {
      RETURN_IF_ERROR(SetOnce("the commit", value, &reference->checksum));
    } else if (name == "mtime") {
      if (value != "checkout" && value != "commit") {
        return absl::InvalidArgumentError(fmt::format("mtime={}: expected checkout or commit", value));
      }
      reference->commit_times = value == "commit";
    } else {
      return absl::InvalidArgumentError(
          fmt::format("the query's {} is not known; expected ref, tag, branch, subdir, checksum, commit, "
                      "submodules, keep-git-dir, mtime or fetch-by-commit",
                      name));
    }
  }
  if (!tag.empty() && !branch.empty()) {
    return absl::InvalidArgumentError("the query says a tag and a branch; expected one of them");
  }
  for (const std::string& full : {tag, branch}) {
    if (!full.empty()) RETURN_IF_ERROR(SetOnce("the ref", full, &reference->ref));
  }
  if (reference->ref.empty()) reference->ref = reference->checksum;
  return absl::OkStatus();
}

absl::StatusOr<GitReference> Assemble(const Parts& parts) {
  GitReference reference;
  reference.remote = parts.remote;
  reference.unencrypted = parts.scheme == "http" || parts.scheme == "git";
  ASSIGN_OR_RETURN(const std::string fragment, Unescape(parts.fragment, false));
  const size_t colon = std::min(fragment.find(':'), fragment.size());
  reference.ref = fragment.substr(0, colon);
  if (colon < fragment.size()) reference.folder = fragment.substr(colon + 1);
  ASSIGN_OR_RETURN(const auto query, ParseQuery(parts.query));
  RETURN_IF_ERROR(ApplyQuery(query, &reference));
  ASSIGN_OR_RETURN(reference.folder, CleanFolder(reference.folder));
  RETURN_IF_ERROR(CheckGitReference(reference));
  return reference;
}

}  // namespace

bool IsGitUrl(std::string_view text, GitShorthand shorthand) {
  return !Split(text, shorthand).scheme.empty();
}

bool IsSshUrl(std::string_view text) { return Split(text, GitShorthand::kRefuse).scheme == "ssh"; }

absl::StatusOr<GitReference> ParseGitReference(std::string_view text, GitShorthand shorthand) {
  const Parts parts = Split(text, shorthand);
  if (parts.scheme.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("{} is not a git URL; expected https://HOST/PATH.git, ssh://, git:// or USER@HOST:PATH",
                    WithoutCredentials(text)));
  }
  absl::StatusOr<GitReference> reference = Assemble(parts);
  if (!reference.ok()) return Annotate(reference.status(), WithoutCredentials(text));
  return reference;
}

bool IsCommitId(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

absl::Status CheckGitReference(const GitReference& reference) {
  const auto bad_byte = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; };
  const std::string_view remote = reference.remote;
  const size_t scheme = remote.find("://");
  std::string_view host = scheme == std::string_view::npos ? remote : remote.substr(scheme + 3);
  if (const size_t at = host.substr(0, host.find('/')).rfind('@'); at != std::string_view::npos) {
    host.remove_prefix(at + 1);
  }
  if (remote.empty() || remote.starts_with('-') || host.starts_with('-') ||
      std::any_of(remote.begin(), remote.end(), bad_byte)) {
    return absl::InvalidArgumentError("the URL is not one that git could be given");
  }
  // git-check-ref-format's rules, as far as they keep a name from meaning something else.
  const std::string_view ref = reference.ref;
  if (ref.starts_with('-') || ref.find("..") != std::string_view::npos ||
      ref.find("@{") != std::string_view::npos || ref.find_first_of(" ~^:?*[\\+") != std::string_view::npos ||
      std::any_of(ref.begin(), ref.end(), bad_byte)) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" cannot be the name of a branch, tag or commit", ref));
  }
  const std::string_view checksum = reference.checksum;
  if (!checksum.empty() && (checksum.size() > 64 || checksum.size() < 4 ||
                            checksum.find_first_not_of("0123456789abcdef") != std::string_view::npos)) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is not a commit id: expected at least four lower-case hex digits", checksum));
  }
  if (std::any_of(reference.folder.begin(), reference.folder.end(), bad_byte)) {
    return absl::InvalidArgumentError("the folder's name holds control characters");
  }
  return absl::OkStatus();
}

std::string WithoutCredentials(std::string_view text) {
  std::string clean;
  while (true) {
    const size_t colon = text.find("://");
    if (colon == std::string_view::npos) return clean + std::string(text);
    clean += text.substr(0, colon + 3);
    text.remove_prefix(colon + 3);
    // A password may hold anything but what ends an authority; the last @ before it is the separator.
    const std::string_view authority = text.substr(0, text.find_first_of("/?# '\"\n\t"));
    if (const size_t at = authority.rfind('@'); at != std::string_view::npos) {
      clean += "***";
      text.remove_prefix(at);
    }
  }
}

std::string OriginOfUrl(std::string_view url) {
  const auto git = ParseGitReference(url, GitShorthand::kAllow);
  if (IsGitUrl(url, GitShorthand::kAllow) && git.ok()) {
    return WithoutCredentials(git->remote) + (git->folder.empty() ? "" : "#:" + git->folder);
  }
  return WithoutCredentials(url.substr(0, url.find_first_of("?#")));
}

}  // namespace crossmill::fetch

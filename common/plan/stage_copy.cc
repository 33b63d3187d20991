// COPY and ADD of StageEvaluator.
#include <algorithm>

#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/dockerfile/go_format.h"
#include "common/dockerfile/words.h"
#include "common/pattern/ignore_rules.h"
#include "common/pattern/path_pattern.h"
#include "common/pattern/tree_match.h"
#include "common/plan/stage_evaluator.h"

namespace crossmill::plan {
namespace {

bool IsHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A destination that can only be a folder.
bool MeansFolder(std::string_view path) {
  return path.empty() || path == "." || path == ".." || path.ends_with('/') || path.ends_with("/.") ||
         path.ends_with("/..");
}

std::string Destination(std::string_view written, const std::string& working_dir) {
  std::string path = pattern::CleanAbsolute(
      written.starts_with('/') ? std::string(written) : fmt::format("{}/{}", working_dir, written));
  if (MeansFolder(written) && path != "/") path += '/';
  return path;
}

// A source as pattern: absolute and clean, so that `..` stops at the root. With --parents the pivot
// `/./` stays.
std::string SourcePattern(std::string_view source, bool parents) {
  const size_t pivot = parents ? source.find("/./") : std::string_view::npos;
  if (pivot == std::string_view::npos) return pattern::CleanAbsolute(source);
  std::string pattern = pattern::CleanAbsolute(source.substr(0, pivot));
  if (pattern == "/") pattern.clear();
  return pattern + "/." + pattern::CleanAbsolute(source.substr(pivot + 3));
}

}  // namespace

absl::Status StageEvaluator::CopyFlags(const dockerfile::Instruction& instruction, v1::Copy& copy,
                                       CopySettings& settings) {
  shown_.clear();
  for (const dockerfile::Flag& flag : instruction.flags) {
    const std::string_view name = flag.syntax->name;
    std::string value = flag.value;
    if (name == "chown" || name == "chmod" || name == "exclude" || name == "checksum") {
      ASSIGN_OR_RETURN(value, ExpandAt(instruction, flag.offset, flag.value));
    }
    if (name == "chown") copy.set_chown(value);
    if (name == "link") copy.set_link(flag.enabled);
    if (name == "parents") copy.set_parents(flag.enabled);
    if (name == "exclude") settings.excludes.push_back(value);
    if (name == "checksum") settings.checksum = value;
    if (name == "chmod") {
      if (!value.empty() && !dockerfile::IsFileMode(value)) {
        return Error(
            instruction, flag.offset,
            fmt::format("--chmod has the value '{}'; expected an octal mode up to 07777, or one such as "
                        "u=rwX,go=rX",
                        value));
      }
      copy.set_chmod(value);
    }
    if (flag.syntax->kind == dockerfile::FlagKind::kBool) {
      shown_ += fmt::format("--{}{} ", name, flag.enabled ? "" : "=false");
    } else {
      shown_ += fmt::format("--{}={} ", name, value);
    }
  }
  // As in Docker's builder, where a layer on its own cannot have modes that are told.
  if (!copy.chmod().empty()) copy.set_link(false);
  absl::StatusOr<pattern::IgnoreRules> rules = pattern::IgnoreRules::FromPatterns(settings.excludes);
  if (!rules.ok()) {
    return Error(instruction, instruction.FindFlag("exclude")->offset,
                 fmt::format("--exclude: {}", Sv(rules.status().message())));
  }
  return absl::OkStatus();
}

absl::Status StageEvaluator::AddSource(const dockerfile::Instruction& instruction, const std::string& source,
                                       size_t offset, const CopySettings& settings, v1::Copy& copy) {
  const std::string_view name = instruction.syntax->name;
  const dockerfile::Flag* keep = instruction.FindFlag("keep-git-dir");
  absl::StatusOr<RemoteReference> reference = ReadRemoteReference(source, keep != nullptr);
  if (!reference.ok()) return Error(instruction, offset, Sv(reference.status().message()));
  v1::CopySource& added = *copy.add_sources();
  added.set_text(source);
  if (reference->kind == RemoteReference::kPath) {
    if (source.starts_with("ftp://")) {
      return Error(
          instruction, offset,
          fmt::format("{} of '{}'; expected a path, an http(s) URL or a git repository", name, source));
    }
    const absl::Status wildcards =
        pattern::CheckSourcePattern(SourcePattern(source, copy.parents()), copy.parents());
    if (!wildcards.ok()) return Error(instruction, offset, Sv(wildcards.message()));
    AddPath(instruction, source, settings, copy, added);
    return absl::OkStatus();
  }
  const bool git = reference->kind == RemoteReference::kGit;
  if (instruction.keyword() != dockerfile::Keyword::kAdd) {
    return Error(instruction, offset,
                 fmt::format("COPY of {} '{}'; expected a path (ADD takes URLs and git repositories)",
                             git ? "the git repository" : "the URL", source));
  }
  if (git) return AddGit(instruction, source, offset, settings, *reference, added);
  const dockerfile::Flag* unpack = instruction.FindFlag("unpack");
  // What comes over the network stays as it is unless told otherwise.
  added.set_extract(unpack != nullptr && unpack->enabled);
  added.mutable_remote_file()->set_url(source);
  added.mutable_remote_file()->set_checksum(settings.checksum);
  return absl::OkStatus();
}

absl::Status StageEvaluator::AddGit(const dockerfile::Instruction& instruction, const std::string& source,
                                    size_t offset, const CopySettings& settings,
                                    const RemoteReference& reference, v1::CopySource& added) {
  const dockerfile::Flag* keep = instruction.FindFlag("keep-git-dir");
  if (keep != nullptr && reference.keep_git_dir && keep->enabled != *reference.keep_git_dir) {
    return Error(
        instruction, keep->offset,
        "--keep-git-dir says something else than keep-git-dir in the reference; expected one of them");
  }
  const std::string& checksum = settings.checksum;
  if (!checksum.empty() && !reference.checksum.empty() && checksum != reference.checksum) {
    return Error(instruction, offset,
                 fmt::format("--checksum is '{}' and the reference's '{}'; expected one of them", checksum,
                             reference.checksum));
  }
  v1::RemoteGit& git = *added.mutable_remote_git();
  git.set_url(source);
  git.set_checksum(checksum.empty() ? reference.checksum : checksum);
  git.set_keep_git_dir(reference.keep_git_dir.value_or(keep != nullptr && keep->enabled));
  for (const std::string& exclude : settings.excludes) git.add_excludes(exclude);
  if (!IsHex(git.checksum()) || git.checksum().size() > 64) {
    return Error(instruction, offset,
                 fmt::format("'{}' is not a git commit; expected its hexadecimal id, or the beginning of it",
                             git.checksum()));
  }
  return absl::OkStatus();
}

void StageEvaluator::AddPath(const dockerfile::Instruction& instruction, const std::string& source,
                             const CopySettings& settings, const v1::Copy& copy,
                             v1::CopySource& added) const {
  const dockerfile::Flag* unpack = instruction.FindFlag("unpack");
  added.set_extract(unpack == nullptr ? instruction.keyword() == dockerfile::Keyword::kAdd : unpack->enabled);
  const std::string pattern = SourcePattern(source, copy.parents());
  const CopyOrigin& origin = settings.origin;
  if (origin.kind == CopyOrigin::kContext || origin.kind == CopyOrigin::kTree) {
    v1::ContextPattern& wanted = *added.mutable_context_pattern();
    wanted.set_pattern(pattern);
    wanted.set_parents(copy.parents());
    for (const std::string& exclude : settings.excludes) wanted.add_excludes(exclude);
    if (origin.tree != nullptr) wanted.set_context(origin.tree->name());
    return;
  }
  v1::ExportSource& exported = *added.mutable_export_();
  exported.set_stage(settings.stage);
  exported.mutable_export_()->set_pattern(pattern);
  exported.mutable_export_()->set_parents(copy.parents());
  for (const std::string& exclude : settings.excludes) exported.mutable_export_()->add_excludes(exclude);
}

absl::Status StageEvaluator::CheckChecksum(const dockerfile::Instruction& instruction,
                                           const std::string& checksum,
                                           const std::vector<std::string>& sources) const {
  const dockerfile::Flag* flag = instruction.FindFlag("checksum");
  if (checksum.empty()) return absl::OkStatus();
  if (sources.size() != 1) {
    return Error(
        instruction, flag->offset,
        fmt::format("ADD --checksum has {} sources; expected one URL or git repository", sources.size()));
  }
  const absl::StatusOr<RemoteReference> reference =
      ReadRemoteReference(sources[0], instruction.FindFlag("keep-git-dir") != nullptr);
  if (!reference.ok() || reference->kind == RemoteReference::kGit) return absl::OkStatus();
  if (reference->kind == RemoteReference::kPath) {
    return Error(
        instruction, flag->offset,
        fmt::format("ADD --checksum of the path '{}'; expected a URL or git repository", sources[0]));
  }
  const std::string_view text = checksum;
  if (text.starts_with("sha256:") && text.size() == 71 && IsHex(text.substr(7))) return absl::OkStatus();
  return Error(
      instruction, flag->offset,
      fmt::format("--checksum has the value '{}'; expected sha256: and 64 hexadecimal digits", checksum));
}

absl::Status StageEvaluator::AddInlineSource(const dockerfile::Instruction& instruction,
                                             const dockerfile::Word& word, const dockerfile::Heredoc& heredoc,
                                             v1::Copy& copy) {
  std::string content = heredoc.strip_tabs ? dockerfile::StripTabs(heredoc.content) : heredoc.content;
  if (heredoc.expand) {
    ASSIGN_OR_RETURN(content, ExpandAt(instruction, word.offset, content, /*quotes_are_text=*/true));
  }
  if (heredoc.name.find('/') != std::string::npos || heredoc.name == "." || heredoc.name == "..") {
    return Error(instruction, word.offset,
                 fmt::format("the here-document's name '{}' is a path; expected a file name", heredoc.name));
  }
  v1::CopySource& added = *copy.add_sources();
  added.set_text(word.text);
  added.mutable_inline_file()->set_name(heredoc.name);
  added.mutable_inline_file()->set_content(std::move(content));
  added.mutable_inline_file()->set_mode(0644);
  return absl::OkStatus();
}

absl::Status StageEvaluator::Copy(const dockerfile::Instruction& instruction, v1::Step& step) {
  v1::Copy& copy = *step.mutable_copy();
  CopySettings settings;
  RETURN_IF_ERROR(CopyFlags(instruction, copy, settings));
  ASSIGN_OR_RETURN(settings.origin,
                   OriginOfCopy(*facts_.outline, *view_.contexts, view_.target, stage_, instruction));
  if (settings.origin.kind != CopyOrigin::kContext && settings.origin.kind != CopyOrigin::kTree) {
    ASSIGN_OR_RETURN(settings.stage, find_source_(settings.origin));
  }
  std::vector<std::string> sources;
  std::vector<size_t> offsets;
  std::vector<std::pair<const dockerfile::Word*, const dockerfile::Heredoc*>> inline_sources;
  size_t next_heredoc = 0;
  for (size_t i = 0; i + 1 < instruction.words.size(); ++i) {
    const dockerfile::Word& word = instruction.words[i];
    if (next_heredoc < instruction.heredocs.size() && word.text == instruction.heredocs[next_heredoc].word) {
      inline_sources.emplace_back(&word, &instruction.heredocs[next_heredoc++]);
      continue;
    }
    ASSIGN_OR_RETURN(std::string source, ExpandAt(instruction, word.offset, word.text,
                                                  /*quotes_are_text=*/false, /*is_pattern=*/true));
    sources.push_back(std::move(source));
    offsets.push_back(word.offset);
  }
  RETURN_IF_ERROR(CheckChecksum(instruction, settings.checksum, sources));
  for (size_t i = 0; i < sources.size(); ++i) {
    RETURN_IF_ERROR(AddSource(instruction, sources[i], offsets[i], settings, copy));
  }
  // As in the builder, here-documents come behind the paths.
  for (const auto& [word, heredoc] : inline_sources) {
    RETURN_IF_ERROR(AddInlineSource(instruction, *word, *heredoc, copy));
    sources.push_back("<<" + heredoc->name);
  }
  const dockerfile::Word& last = instruction.words.back();
  const absl::StatusOr<std::string> destination = ExpandAt(instruction, last.offset, last.text);
  RETURN_IF_ERROR(destination.status());
  copy.set_destination(Destination(*destination, state_.config.working_dir));
  StampLayer(facts_, state_, step);
  shown_ += absl::StrJoin(sources, " ") + " " + *destination;
  std::string history(instruction.syntax->name);
  if (copy.parents()) history += " --parents";
  if (!copy.chown().empty()) history += " --chown=" + copy.chown();
  if (!copy.chmod().empty()) history += " --chmod=" + copy.chmod();
  for (const std::string& source : sources) history += " " + source;
  state_.config.AddHistory(fmt::format("{} {} # buildkit", history, *destination), false);
  return absl::OkStatus();
}

}  // namespace crossmill::plan

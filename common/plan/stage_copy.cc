// COPY and ADD of StageEvaluator.
#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/plan/go_format.h"
#include "common/plan/ignore_rules.h"
#include "common/plan/path_pattern.h"
#include "common/plan/stage_evaluator.h"
#include "common/plan/words.h"

namespace crossmill::plan {
namespace {

// What ADD would fetch from elsewhere.
bool IsUrl(std::string_view source) {
  for (const std::string_view scheme : {"http://", "https://", "ftp://"}) {
    if (source.starts_with(scheme)) return true;
  }
  return false;
}

bool IsGit(std::string_view source) {
  return source.starts_with("git@") || source.starts_with("git://") || source.starts_with("ssh://");
}

// A destination that can only be a folder.
bool MeansFolder(std::string_view path) {
  return path.empty() || path == "." || path == ".." || path.ends_with('/') || path.ends_with("/.") ||
         path.ends_with("/..");
}

std::string Destination(std::string_view written, const std::string& working_dir) {
  std::string path = CleanAbsolute(written.starts_with('/') ? std::string(written)
                                                            : fmt::format("{}/{}", working_dir, written));
  if (MeansFolder(written) && path != "/") path += '/';
  return path;
}

// A source as pattern: absolute and clean, so that `..` stops at the root. With --parents the pivot
// `/./` stays.
std::string SourcePattern(std::string_view source, bool parents) {
  const size_t pivot = parents ? source.find("/./") : std::string_view::npos;
  if (pivot == std::string_view::npos) return CleanAbsolute(source);
  std::string pattern = CleanAbsolute(source.substr(0, pivot));
  if (pattern == "/") pattern.clear();
  return pattern + "/." + CleanAbsolute(source.substr(pivot + 3));
}

}  // namespace

absl::Status StageEvaluator::CopyFlags(const Instruction& instruction, v1::Copy& copy,
                                       std::vector<std::string>& excludes) {
  shown_.clear();
  for (const Flag& flag : instruction.flags) {
    const std::string_view name = flag.syntax->name;
    std::string value = flag.value;
    if (name == "chown" || name == "chmod" || name == "exclude") {
      ASSIGN_OR_RETURN(value, ExpandAt(instruction, flag.offset, flag.value));
    }
    if (name == "chown") copy.set_chown(value);
    if (name == "link") copy.set_link(flag.enabled);
    if (name == "parents") copy.set_parents(flag.enabled);
    if (name == "exclude") excludes.push_back(value);
    if (name == "chmod") {
      if (!value.empty() && !IsFileMode(value)) {
        return Error(
            instruction, flag.offset,
            fmt::format("--chmod has the value '{}'; expected an octal mode up to 07777, or one such as "
                        "u=rwX,go=rX",
                        value));
      }
      copy.set_chmod(value);
    }
    if (flag.syntax->kind == FlagKind::kBool) {
      shown_ += fmt::format("--{}{} ", name, flag.enabled ? "" : "=false");
    } else {
      shown_ += fmt::format("--{}={} ", name, value);
    }
  }
  absl::StatusOr<IgnoreRules> rules = IgnoreRules::FromPatterns(excludes);
  if (!rules.ok()) {
    return Error(instruction, instruction.FindFlag("exclude")->offset,
                 fmt::format("--exclude: {}", Sv(rules.status().message())));
  }
  return absl::OkStatus();
}

absl::Status StageEvaluator::AddPathSource(const Instruction& instruction, const std::string& source,
                                           size_t offset, const std::vector<std::string>& excludes,
                                           const std::optional<uint32_t>& from, v1::Copy& copy) {
  const std::string_view name = instruction.syntax->name;
  if (IsUrl(source) || IsGit(source)) {
    if (instruction.keyword() == Keyword::kAdd) {
      return Error(
          instruction, offset,
          fmt::format("ADD of a {} ({}) is not supported yet",
                      IsGit(source) || absl::StrContains(source, ".git") ? "git repository" : "URL", source));
    }
    return Error(instruction, offset,
                 fmt::format("{} of '{}'; expected a path in the context or --from", name, source));
  }
  v1::CopySource& added = *copy.add_sources();
  added.set_text(source);
  const Flag* unpack = instruction.FindFlag("unpack");
  added.set_extract(unpack == nullptr ? instruction.keyword() == Keyword::kAdd : unpack->enabled);
  const std::string pattern = SourcePattern(source, copy.parents());
  if (from) {
    v1::ExportSource& exported = *added.mutable_export_();
    exported.set_stage(*from);
    exported.mutable_export_()->set_pattern(pattern);
    exported.mutable_export_()->set_parents(copy.parents());
    for (const std::string& exclude : excludes) exported.mutable_export_()->add_excludes(exclude);
    return absl::OkStatus();
  }
  added.mutable_context_pattern()->set_pattern(pattern);
  added.mutable_context_pattern()->set_parents(copy.parents());
  for (const std::string& exclude : excludes) added.mutable_context_pattern()->add_excludes(exclude);
  return absl::OkStatus();
}

absl::Status StageEvaluator::AddInlineSource(const Instruction& instruction, const Word& word,
                                             const Heredoc& heredoc, v1::Copy& copy) {
  std::string content = heredoc.strip_tabs ? StripTabs(heredoc.content) : heredoc.content;
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

absl::Status StageEvaluator::Copy(const Instruction& instruction, v1::Step& step) {
  v1::Copy& copy = *step.mutable_copy();
  std::vector<std::string> excludes;
  RETURN_IF_ERROR(CopyFlags(instruction, copy, excludes));
  ASSIGN_OR_RETURN(const CopyOrigin origin, FindOrigin(*facts_.outline, stage_, instruction));
  std::optional<uint32_t> from;
  if (origin.kind != CopyOrigin::kContext) {
    ASSIGN_OR_RETURN(from, find_source_(instruction, origin));
  }
  std::vector<std::string> sources;
  std::vector<std::pair<const Word*, const Heredoc*>> inline_sources;
  size_t next_heredoc = 0;
  for (size_t i = 0; i + 1 < instruction.words.size(); ++i) {
    const Word& word = instruction.words[i];
    if (next_heredoc < instruction.heredocs.size() && word.text == instruction.heredocs[next_heredoc].word) {
      inline_sources.emplace_back(&word, &instruction.heredocs[next_heredoc++]);
      continue;
    }
    ASSIGN_OR_RETURN(std::string source, ExpandAt(instruction, word.offset, word.text));
    RETURN_IF_ERROR(AddPathSource(instruction, source, word.offset, excludes, from, copy));
    sources.push_back(std::move(source));
  }
  // As in the builder, here-documents come behind the paths.
  for (const auto& [word, heredoc] : inline_sources) {
    RETURN_IF_ERROR(AddInlineSource(instruction, *word, *heredoc, copy));
    sources.push_back("<<" + heredoc->name);
  }
  const Word& last = instruction.words.back();
  ASSIGN_OR_RETURN(const std::string destination, ExpandAt(instruction, last.offset, last.text));
  if (copy.sources_size() > 1 && !MeansFolder(destination)) {
    return Error(
        instruction, last.offset,
        fmt::format(
            "{} has several sources and the destination '{}'; expected a folder, with a '/' at its end",
            instruction.syntax->name, destination));
  }
  copy.set_destination(Destination(destination, state_.config.working_dir));
  AddLayer(step);
  shown_ += absl::StrJoin(sources, " ") + " " + destination;
  std::string history(instruction.syntax->name);
  if (copy.parents()) history += " --parents";
  if (!copy.chown().empty()) history += " --chown=" + copy.chown();
  if (!copy.chmod().empty()) history += " --chmod=" + copy.chmod();
  for (const std::string& source : sources) history += " " + source;
  state_.config.AddHistory(fmt::format("{} {} # buildkit", history, destination), false);
  return absl::OkStatus();
}

}  // namespace crossmill::plan

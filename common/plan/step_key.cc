#include "common/plan/step_key.h"

#include <string_view>

#include "absl/strings/escaping.h"
#include "common/base/status.h"
#include "common/words/normalize_rules.h"
#include "common/words/platform.h"

namespace crossmill::plan {
namespace {

class KeyWriter {
 public:
  void Text(char tag, std::string_view value) {
    bytes_ += tag;
    Number(static_cast<int64_t>(value.size()));
    bytes_ += value;
  }
  void Integer(char tag, int64_t value) {
    bytes_ += tag;
    Number(8);
    Number(value);
  }
  void Boolean(char tag, bool value) { Text(tag, std::string_view(value ? "\1" : "\0", 1)); }
  void HashOf(char tag, const Digest& digest) { Text(tag, absl::HexStringToBytes(digest.hash)); }
  template <typename Texts>
  void List(char tag, const Texts& texts) {
    Integer(tag, texts.size());
    for (const std::string& text : texts) Text('t', text);
  }
  std::string Key() const { return Sha256Hex(bytes_); }

 private:
  void Number(int64_t value) {
    const auto bits = static_cast<uint64_t>(value);
    for (int shift = 0; shift < 64; shift += 8) bytes_ += static_cast<char>(bits >> shift & 0xff);
  }
  std::string bytes_;
};

void WriteParents(absl::Span<const Digest> parents, KeyWriter& writer) {
  writer.Integer('L', static_cast<int64_t>(parents.size()));
  for (const Digest& parent : parents) writer.HashOf('d', parent);
}

void WriteFile(const v1::InlineFile& file, KeyWriter& writer) {
  writer.Text('t', file.name());
  writer.Text('t', file.content());
  writer.Integer('i', file.mode());
}

void WriteMatch(const v1::ContextMatch& match, bool keep_times, KeyWriter& writer) {
  writer.Text('t', match.name());
  if (match.has_file()) {
    writer.Text('k', "file");
    writer.HashOf('d', FromProto(match.file()));
  } else if (match.has_directory()) {
    writer.Text('k', "directory");
    writer.HashOf('d', FromProto(match.directory()));
  } else {
    writer.Text('k', "symlink");
    writer.Text('t', match.symlink_target());
  }
  writer.Integer('i', match.unix_mode());
  writer.Integer('i', keep_times ? match.mtime() : 0);
  writer.Integer('P', match.parent_modes_size());
  for (const uint32_t mode : match.parent_modes()) writer.Integer('i', mode);
}

void WriteSource(const v1::CopySource& source, bool keep_times, KeyWriter& writer) {
  writer.Boolean('x', source.extract());
  switch (source.source_case()) {
    case v1::CopySource::kContext:
      writer.Text('k', "context");
      writer.Integer('M', source.context().matches_size());
      for (const v1::ContextMatch& match : source.context().matches()) WriteMatch(match, keep_times, writer);
      break;
    case v1::CopySource::kExport:
      writer.Text('k', "export");
      writer.HashOf('d', FromProto(source.export_().blob()));
      break;
    case v1::CopySource::kInlineFile:
      writer.Text('k', "inline");
      WriteFile(source.inline_file(), writer);
      break;
    // The rest is only in steps that are not resolved.
    case v1::CopySource::kRemoteFile:
    case v1::CopySource::kRemoteGit:
    case v1::CopySource::kContextPattern:
    case v1::CopySource::SOURCE_NOT_SET:
      writer.Text('k', "pattern");
      writer.Text('t', source.context_pattern().pattern());
      writer.Boolean('b', source.context_pattern().parents());
      writer.List('M', source.has_remote_git() ? source.remote_git().excludes()
                                               : source.context_pattern().excludes());
      writer.Text('t', source.context_pattern().context());
      writer.Text('t', source.has_remote_git() ? source.remote_git().url() : source.remote_file().url());
      writer.Text('t',
                  source.has_remote_git() ? source.remote_git().checksum() : source.remote_file().checksum());
      writer.Boolean('g', source.remote_git().keep_git_dir());
      break;
  }
}

void WriteMount(const v1::RunMount& mount, bool keep_times, KeyWriter& writer) {
  constexpr std::string_view kTypes[] = {"", "bind", "cache", "tmpfs", "secret", "ssh"};
  writer.Text('t', kTypes[v1::RunMount::Type_IsValid(mount.type()) ? mount.type() : 0]);
  writer.Text('t', mount.target());
  writer.Boolean('r', mount.read_only());
  writer.Text('t', mount.id());
  writer.Integer('i', mount.sharing());
  writer.Integer('i', mount.size());
  writer.Boolean('q', mount.required());
  writer.Text('t', mount.env());
  writer.Integer('i', mount.mode());
  writer.Integer('i', mount.uid());
  writer.Integer('i', mount.gid());
  writer.Text('t', mount.cache_path());
  writer.Integer('s', mount.has_source() ? 1 : 0);
  if (mount.has_source()) WriteSource(mount.source(), keep_times, writer);
}

void WriteRun(const v1::Run& run, bool keep_times, std::optional<int64_t> source_date_epoch,
              KeyWriter& writer) {
  writer.Text('A', "run");
  writer.List('a', run.argv());
  writer.List('e', run.env());
  writer.Text('w', run.cwd());
  writer.Text('u', run.user());
  writer.Integer('n', run.network());
  writer.Integer('f', run.files_size());
  for (const v1::InlineFile& file : run.files()) WriteFile(file, writer);
  writer.Integer('M', run.mounts_size());
  for (const v1::RunMount& mount : run.mounts()) WriteMount(mount, keep_times, writer);
  writer.List('h', run.extra_hosts());
  writer.Integer('z', run.shm_size());
  writer.Integer('U', run.ulimits_size());
  for (const v1::Ulimit& limit : run.ulimits()) {
    writer.Text('t', limit.name());
    writer.Integer('i', limit.soft());
    writer.Integer('i', limit.hard());
  }
  writer.Text('N', run.hostname());
  if (run.offline()) writer.Boolean('o', true);
  if (run.has_exclude_newer()) writer.Integer('b', run.exclude_newer());
  if (run.normalize_size() > 0) {
    writer.Integer('y', kNormalizeVersion);
    writer.List('y', run.normalize());
  }
  writer.Integer('E', source_date_epoch ? 1 : 0);
  if (source_date_epoch) writer.Integer('i', *source_date_epoch);
}

void WriteCopy(const v1::Copy& copy, bool keep_times, KeyWriter& writer) {
  writer.Text('A', "copy");
  writer.Text('D', copy.destination());
  writer.Text('o', copy.chown());
  writer.Text('m', copy.chmod());
  writer.Boolean('l', copy.link());
  writer.Boolean('p', copy.parents());
  writer.Integer('s', copy.sources_size());
  for (const v1::CopySource& source : copy.sources()) WriteSource(source, keep_times, writer);
}

}  // namespace

std::string StepKey(const v1::Platform& platform, absl::Span<const Digest> parents, const v1::Step& step,
                    std::optional<int64_t> source_date_epoch) {
  KeyWriter writer;
  writer.Text('H', "crossmill-step-key");
  writer.Integer('V', kKeyVersion);
  writer.Integer('S', kSandboxVersion);
  writer.Text('P', FormatPlatform(platform));
  WriteParents(parents, writer);
  writer.Integer('C', step.clamp_time());
  writer.Boolean('K', step.keep_times());
  switch (step.action_case()) {
    case v1::Step::kRun:
      WriteRun(step.run(), step.keep_times(), source_date_epoch, writer);
      break;
    case v1::Step::kCopy:
      WriteCopy(step.copy(), step.keep_times(), writer);
      break;
    case v1::Step::kWorkdir:
      writer.Text('A', "workdir");
      writer.Text('D', step.workdir().path());
      writer.Text('u', step.workdir().user());
      break;
    case v1::Step::ACTION_NOT_SET:
      writer.Text('A', "none");
      break;
  }
  if (!step.cache_domain().empty()) writer.Text('G', step.cache_domain());
  return writer.Key();
}

std::string StepKey(const v1::Task& task, absl::Span<const Digest> parents, const v1::Step& resolved_step) {
  std::optional<int64_t> epoch;
  if (task.has_source_date_epoch()) epoch = task.source_date_epoch();
  return StepKey(task.platform(), parents, resolved_step, epoch);
}

std::string ExportKey(absl::Span<const Digest> parents, const v1::Export& wanted) {
  KeyWriter writer;
  writer.Text('H', "crossmill-export-key");
  writer.Integer('V', kKeyVersion);
  WriteParents(parents, writer);
  writer.Text('D', wanted.pattern());
  writer.Boolean('p', wanted.parents());
  writer.List('M', wanted.excludes());
  return writer.Key();
}

}  // namespace crossmill::plan

#include "coordinator/backup/backup_commands.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "absl/time/clock.h"
#include "common/base/absolute_path.h"
#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/base/status.h"
#include "coordinator/account/data_folder.h"
#include "coordinator/backup/checking.h"
#include "coordinator/backup/file_copies.h"
#include "coordinator/backup/restoring.h"
#include "coordinator/backup/taking.h"

namespace crossmill::backup {
namespace {

constexpr int kDamaged = 7;
constexpr int64_t kUsualRate = int64_t{64} << 20;

// What all three are told.
struct Flags {
  std::string folder, moment;
  int64_t rate = kUsualRate;
  int keep = 2;
  std::string bucket_blobs = "copy";
  bool verify = false, force = false, incomplete = false, quick = false, repair = false;
};

// Builds come first, where the kernel is asked: the idle class of the disk's scheduler, and the processor.
void StandBack() {
  constexpr int kProcess = 1, kIdleClass = 3 << 13;
  (void)syscall(SYS_ioprio_set, kProcess, 0, kIdleClass);
  (void)setpriority(PRIO_PROCESS, 0, 10);
}

Pace PaceOf(int64_t rate) {
  auto passing = std::make_shared<SteadyClock>();
  auto spent = std::make_shared<Rate>(
      rate, [passing] { return passing->Now(); }, [](absl::Duration time) { absl::SleepFor(time); });
  return [spent](int64_t bytes) {
    spent->Spend(bytes);
    return absl::OkStatus();
  };
}

void Tell(std::string_view line) { fmt::print(stderr, "{}\n", line); }

int Answer(const Json& result, int code) {
  const std::string text = WriteJsonPretty(result) + "\n";
  const bool written = fwrite(text.data(), 1, text.size(), stdout) == text.size() && fflush(stdout) == 0;
  return written ? code : 5;
}

int AnswerError(const absl::Status& status) {
  std::string code = absl::StatusCodeToString(status.code());
  std::transform(code.begin(), code.end(), code.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  const bool usage = absl::IsInvalidArgument(status) || absl::IsNotFound(status);
  return Answer({{"error", {{"code", code}, {"message", Sv(status.message())}}}}, usage ? 2 : 5);
}

std::string TimeText(int64_t nanos) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixNanos(nanos), absl::UTCTimeZone());
}

Json BackupJson(const Moment& moment, const BackupManifest& manifest) {
  return {{"bucket", TextOrNull(manifest.bucket)},
          {"bucket_blobs", manifest.bucket_blobs},
          {"bucket_bytes", manifest.bucket_bytes},
          {"name", moment.name},
          {"taken_at", TimeText(manifest.taken_at)},
          {"farm", manifest.farm},
          {"program", manifest.program},
          {"schema", manifest.schema},
          {"record_bytes", manifest.record.size},
          {"blobs", manifest.blobs},
          {"blob_bytes", manifest.blob_bytes},
          {"files", manifest.files},
          {"file_bytes", manifest.file_bytes},
          {"gone_blobs", manifest.gone_blobs},
          {"damaged_blobs", manifest.damaged_blobs},
          {"gone_files", manifest.gone_files}};
}

int RunBackup(const std::string& data, const Flags& flags) {
  StandBack();
  SystemClock clock;
  const auto taken = TakeBackup({.data_folder = data,
                                 .backup_folder = AbsolutePath(flags.folder),
                                 .keep = flags.keep,
                                 .refer_to_bucket = flags.bucket_blobs == "refer",
                                 .verify = flags.verify,
                                 .pace = PaceOf(flags.rate),
                                 .tell = Tell},
                                clock);
  if (!taken.ok()) return AnswerError(taken.status());
  Json json = BackupJson(taken->moment, taken->manifest);
  json["copied"] = taken->copied;
  json["copied_bytes"] = taken->copied_bytes;
  json["mended"] = taken->mended;
  json["removed"] = taken->removed;
  return Answer(json, 0);
}

int RunRestore(const std::string& data, const Flags& flags) {
  SystemClock clock;
  const auto restored = RestoreBackup({.backup_folder = AbsolutePath(flags.folder),
                                       .data_folder = data,
                                       .moment = flags.moment,
                                       .force = flags.force,
                                       .incomplete = flags.incomplete,
                                       .pace = PaceOf(flags.rate),
                                       .tell = Tell},
                                      clock);
  if (!restored.ok()) return AnswerError(restored.status());
  Json json = BackupJson(restored->moment, restored->manifest);
  json["data"] = data;
  json["moved_to"] = TextOrNull(restored->moved_to);
  json["left_out"] = restored->left_out;
  const auto builds = restored->skipped_to.find("builds");
  json["next_build"] = builds == restored->skipped_to.end() ? 1 : builds->second + 1;
  return Answer(json, 0);
}

int RunCheck(const std::string& data, const Flags& flags) {
  StandBack();
  if (const absl::Status ours = coordinator::BecomeOwnerOfData(data); !ours.ok()) return AnswerError(ours);
  SystemClock clock;
  const auto report = CheckFarm({.data_folder = data,
                                 .quick = flags.quick,
                                 .repair = flags.repair,
                                 .pace = PaceOf(flags.rate),
                                 .tell = Tell},
                                clock);
  if (!report.ok()) return AnswerError(report.status());
  Json findings = Json::array();
  for (const Finding& finding : report->findings) {
    findings.push_back({{"kind", finding.kind},
                        {"damage", finding.grave},
                        {"where", finding.where},
                        {"count", finding.count},
                        {"meaning", finding.meaning},
                        {"remedy", finding.remedy},
                        {"mended", finding.mended}});
  }
  return Answer({{"clean", report->clean()},
                 {"data", data},
                 {"online", report->online},
                 {"quick", report->quick},
                 {"repair", flags.repair},
                 {"farm", report->farm},
                 {"schema", report->schema},
                 {"builds", report->builds},
                 {"blobs", report->blobs},
                 {"blob_bytes", report->blob_bytes},
                 {"logs", report->logs},
                 {"findings", std::move(findings)}},
                report->clean() ? 0 : kDamaged);
}

void AddRate(CLI::App& command, Flags& flags) {
  command.add_option("--rate", flags.rate, "Bytes that are read in a second, at most: 64m; 0: no limit")
      ->transform(CLI::AsSizeValue(false))
      ->default_str("64m");
}

}  // namespace

void AddBackupCommands(CLI::App& app, const std::string& data_folder, std::function<int()>& run) {
  const auto flags = std::make_shared<Flags>();
  const auto data = [&data_folder] { return AbsolutePath(data_folder); };
  CLI::App* backup = app.add_subcommand("backup", "Back the data folder up, beside a running coordinator");
  backup->add_option("folder", flags->folder, "Where backups are kept")->required();
  backup->add_option("--keep", flags->keep, "Backups that stay")->check(CLI::Range(1, 1000));
  backup->add_flag("--verify", flags->verify, "Read again what was backed up before");
  backup
      ->add_option("--bucket-blobs", flags->bucket_blobs,
                   "What only the bucket behind the disk has: copy it, or refer to it")
      ->check(CLI::IsMember({"copy", "refer"}));
  AddRate(*backup, *flags);
  backup->callback([flags, data, &run] { run = [flags, data] { return RunBackup(data(), *flags); }; });
  CLI::App* restore = app.add_subcommand("restore", "Restore a backup into the data folder");
  restore->add_option("folder", flags->folder, "Where backups are kept")->required();
  restore->add_option("--moment", flags->moment, "Which (default: the newest)");
  restore->add_flag("--force", flags->force, "Move what the data folder has aside");
  restore->add_flag("--incomplete", flags->incomplete, "Leave out blobs that are damaged in the backup");
  restore->callback([flags, data, &run] {
    flags->rate = 0;
    run = [flags, data] { return RunRestore(data(), *flags); };
  });
  CLI::App* check = app.add_subcommand("check", "Check the data folder");
  check->add_flag("--quick", flags->quick, "Names and sizes only");
  check->add_flag("--repair", flags->repair, "Move damaged blobs aside, drop rows of caches, cut torn logs");
  AddRate(*check, *flags);
  check->callback([flags, data, &run] { run = [flags, data] { return RunCheck(data(), *flags); }; });
}

}  // namespace crossmill::backup

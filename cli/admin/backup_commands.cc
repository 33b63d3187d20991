#include "cli/admin/backup_commands.h"

#include <CLI/CLI.hpp>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "cli/admin/admin_group.h"
#include "cli/admin/render_backup.h"
#include "cli/show/exit_codes.h"
#include "common/base/absolute_path.h"

namespace crossmill::cli {
namespace {

constexpr std::string_view kSocket = "/coordinator.sock";

// Of the farm that is meant: it has to be on this machine.
absl::StatusOr<std::string> DataOf(Session& session) {
  if (!session.data.empty()) return session.DataFolder();
  const std::string address = session.Address();
  if (address.starts_with("unix:/") && address.ends_with(kSocket))
    return address.substr(5, address.size() - 5 - kSocket.size());
  return WithHint(absl::InvalidArgumentError(fmt::format(
                      "{}: backups are taken, restored and checked on the coordinator's machine", address)),
                  "run it there, with --data FOLDER (the coordinator's)");
}

absl::Status ErrorOf(const Json& error) {
  const std::string word = error.value("code", "");
  for (int code = 1; code <= 16; ++code) {
    if (CodeWord(static_cast<absl::StatusCode>(code)) == word)
      return absl::Status(static_cast<absl::StatusCode>(code), error.value("message", ""));
  }
  return absl::UnknownError(error.value("message", ""));
}

// Complete lines of what the program says beside its result; a beginning of one stays in `rest`.
void TellLines(Session& session, std::string_view piece, std::string* rest) {
  rest->append(piece);
  const size_t end = rest->rfind('\n');
  if (end == rest->npos) return;
  if (!session.json) session.Tell(std::string_view(*rest).substr(0, end + 1));
  rest->erase(0, end + 1);
}

// What the coordinator's program answers; its exit code is 0, or that of damage.
absl::StatusOr<Json> RunHere(Session& session, std::vector<std::string> words) {
  ASSIGN_OR_RETURN(const std::string data, DataOf(session));
  const std::string program = session.env.ProgramFolder() + "/crossmill-coordinator";
  ProcessOptions options;
  options.argv = {program, "--data", data};
  options.argv.insert(options.argv.end(), words.begin(), words.end());
  std::string out, rest;
  options.on_output = [&](OutputStream stream, std::string_view piece) {
    if (stream == OutputStream::kStdout) {
      out.append(piece);
    } else {
      TellLines(session, piece, &rest);
    }
  };
  const absl::StatusOr<ProcessResult> result = session.env.RunProgram(options);
  if (!result.ok())
    return WithHint(result.status(),
                    "crossmill-coordinator has to be beside this program, of the same version");
  absl::StatusOr<Json> json = ParseJson(out);
  if (!json.ok() || !json->is_object()) {
    return absl::InternalError(fmt::format("{} ended with {} and no result{}", program, result->exit_code,
                                           rest.empty() ? "" : ": " + rest));
  }
  if (json->contains("error")) return ErrorOf((*json)["error"]);
  return json;
}

absl::StatusOr<int> Backup(Session& session, const std::vector<std::string>& words) {
  ASSIGN_OR_RETURN(const Json json, RunHere(session, words));
  RETURN_IF_ERROR(session.json ? session.PrintJson(json) : session.Print(RenderBackup(json)));
  return kExitOk;
}

absl::StatusOr<int> Restore(Session& session, const std::vector<std::string>& words) {
  ASSIGN_OR_RETURN(const Json json, RunHere(session, words));
  RETURN_IF_ERROR(session.json ? session.PrintJson(json) : session.Print(RenderRestore(json)));
  return kExitOk;
}

absl::StatusOr<int> Check(Session& session, const std::vector<std::string>& words) {
  ASSIGN_OR_RETURN(const Json json, RunHere(session, words));
  RETURN_IF_ERROR(session.json ? session.PrintJson(json)
                               : session.Print(RenderCheck(json, session.OutText())));
  return json.value("clean", false) ? kExitOk : kExitDamaged;
}

// Words for the other program, as they were given here.
struct Words {
  std::string folder, moment, rate, bucket_blobs;
  int keep = 0;
  bool verify = false, force = false, incomplete = false, quick = false, repair = false;

  std::vector<std::string> Of(const std::string& command) const {
    std::vector<std::string> words = {command};
    if (keep > 0) words.insert(words.end(), {"--keep", std::to_string(keep)});
    if (!bucket_blobs.empty()) words.insert(words.end(), {"--bucket-blobs", bucket_blobs});
    if (!rate.empty()) words.insert(words.end(), {"--rate", rate});
    if (!moment.empty()) words.insert(words.end(), {"--moment", moment});
    const std::array<std::pair<bool, const char*>, 5> flags = {{{verify, "--verify"},
                                                                {force, "--force"},
                                                                {incomplete, "--incomplete"},
                                                                {quick, "--quick"},
                                                                {repair, "--repair"}}};
    for (const auto& [given, flag] : flags) {
      if (given) words.emplace_back(flag);
    }
    if (!folder.empty()) words.insert(words.end(), {"--", AbsolutePath(folder)});
    return words;
  }
};

using Action = absl::StatusOr<int> (*)(Session&, const std::vector<std::string>&);

void Finish(CLI::App& command, Session& session, const std::shared_ptr<Words>& words, Action action) {
  command.add_flag("--json", session.json, "Print the result as JSON (docs/cli.md)");
  command.callback([&session, &command, words, action] {
    session.command = [&session, name = command.get_name(), words, action] {
      return action(session, words->Of(name));
    };
  });
}

void AddRate(CLI::App& command, Words& words) {
  command
      .add_option("--rate", words.rate, "Bytes that are read in a second, at most: 200m; 0: no limit [64m]")
      ->type_name("BYTES");
}

}  // namespace

void AddBackupCommands(CLI::App& app, Session& session) {
  CLI::App& admin = AdminGroup(app);
  const auto words = std::make_shared<Words>();
  CLI::App* backup = admin.add_subcommand(
      "backup",
      "Back the farm up into a folder of this machine, while it runs; what is there already is not copied");
  backup->add_option("folder", words->folder, "Where backups are kept")->required()->type_name("FOLDER");
  backup->add_option("--keep", words->keep, "Complete backups that stay, this one included [2]")
      ->check(CLI::Range(1, 1000));
  backup->add_flag("--verify", words->verify,
                   "Read again what was backed up before, and copy again what is damaged");
  backup
      ->add_option("--bucket-blobs", words->bucket_blobs,
                   "Blobs that only the bucket behind the disk has: copy them, or refer to them, so that the "
                   "backup is as good as the bucket [copy]")
      ->check(CLI::IsMember({"copy", "refer"}))
      ->type_name("HOW");
  AddRate(*backup, *words);
  Finish(*backup, session, words, Backup);
  CLI::App* restore = admin.add_subcommand(
      "restore", "Put a backup into an empty data folder (--data), from which a coordinator starts");
  restore->add_option("folder", words->folder, "Where backups are kept")->required()->type_name("FOLDER");
  restore->add_option("--moment", words->moment, "Which of them [the newest]")->type_name("NAME");
  restore->add_flag("--force", words->force, "Move aside what the data folder has");
  restore->add_flag("--incomplete", words->incomplete,
                    "Leave out blobs that are damaged in the backup, and name them");
  Finish(*restore, session, words, Restore);
  CLI::App* check = admin.add_subcommand(
      "check",
      "Check the farm's data: the record, every blob by its digest, everything that the record needs");
  check->add_flag("--quick", words->quick, "Names and sizes only, no bytes of blobs");
  check->add_flag(
      "--repair", words->repair,
      "With the coordinator stopped: move damaged blobs aside so that they are made again, drop rows of "
      "caches whose blobs are gone, cut torn logs");
  AddRate(*check, *words);
  Finish(*check, session, words, Check);
}

}  // namespace crossmill::cli

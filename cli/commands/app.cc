#include "cli/commands/app.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <sstream>

#include "cli/admin/accelerator_commands.h"
#include "cli/admin/audit_commands.h"
#include "cli/admin/backup_commands.h"
#include "cli/admin/identity_commands.h"
#include "cli/admin/machine_commands.h"
#include "cli/admin/people_commands.h"
#include "cli/commands/commands.h"
#include "cli/commands/completion_command.h"
#include "cli/retention/retention_commands.h"
#include "cli/show/exit_codes.h"
#include "cli/show/json_output.h"
#include "common/dockerfile/recipe_error.h"

namespace crossmill::cli {
namespace {

void AddGlobalFlags(CLI::App& app, Session& session) {
  app.add_option("--coordinator", session.coordinator,
                 "unix:/PATH or HOST:PORT [CROSSMILL_COORDINATOR; default: the socket in the data folder]")
      ->type_name("ADDRESS");
  app.add_option("--token-file", session.token_file,
                 "File with a client token for TCP [or CROSSMILL_TOKEN: the token]")
      ->type_name("FILE");
  app.add_option("--ca-file", session.ca_file, "Authorities for TLS, PEM [CROSSMILL_CA_FILE]")
      ->type_name("FILE");
  app.add_flag("--insecure", session.insecure, "Allow a plain-text connection to another host");
  app.add_option("--reconnect-for", session.reconnect_for,
                 "How long to try again where the coordinator's connection is lost "
                 "[CROSSMILL_RECONNECT_FOR; default: 10m, 30s before its first answer]")
      ->type_name("TIME");
  app.add_option("--data", session.data,
                 "Data folder of the local farm [CROSSMILL_DATA; default: /var/lib/crossmill "
                 "for root, else $XDG_DATA_HOME/crossmill]")
      ->type_name("FOLDER");
  app.set_version_flag("--version", std::string("crossmill ") + CROSSMILL_VERSION);
}

int Report(const absl::Status& status, Session& session) {
  if (session.json_progress) {
    Json line = {{"event", "error"}};
    line.update(ErrorJson(status));
    session.TellJson(line);
    if (session.json) (void)session.PrintJson(ErrorJson(status));
    return ExitCodeOf(status);
  }
  const bool colour = session.ErrColour();
  std::string text = Paint("crossmill:", Ink::kRed, colour) + " " + std::string(Sv(status.message())) + "\n";
  if (const std::string hint = HintOf(status); !hint.empty())
    text += Paint("hint:", Ink::kYellow, colour) + " " + hint + "\n";
  session.Tell(text);
  // The exit code says it too when standard output is closed.
  if (session.json) (void)session.PrintJson(ErrorJson(status));
  return ExitCodeOf(status);
}

// Flags of a command and of those above it, "--name"; or the names of its subcommands.
std::vector<std::string> NamesLike(std::string_view word, const CLI::App& command) {
  std::vector<std::string> names;
  if (!word.starts_with('-')) {
    for (const CLI::App* sub : command.get_subcommands(nullptr)) names.push_back(sub->get_name());
    return names;
  }
  for (const CLI::App* app = &command; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options(nullptr)) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

// Names the word that the parser does not know, with the nearest that it does; else the parser's own words.
std::string DescribeParseError(const CLI::App& app, const CLI::App& command, const CLI::ParseError& error) {
  const std::vector<std::string> extras = app.remaining(true);
  const auto flag = std::find_if(extras.begin(), extras.end(),
                                 [](const std::string& word) { return word.starts_with('-'); });
  if (flag != extras.end()) {
    const std::string name = flag->substr(0, flag->find('='));
    return fmt::format("{} is not known{}", Printable(name),
                       dockerfile::DidYouMean(name, NamesLike(name, command)));
  }
  const bool command_missing = !extras.empty() && !command.get_subcommands(nullptr).empty();
  if (!command_missing) return error.what();
  return fmt::format("there is no command \"{}\"{}", Printable(extras.front()),
                     dockerfile::DidYouMean(extras.front(), NamesLike(extras.front(), command)));
}

int ReportParse(const CLI::App& app, const CLI::ParseError& error, Session& session, bool json) {
  if (error.get_exit_code() == 0) {
    std::ostringstream out;
    std::ostringstream err;
    app.exit(error, out, err);
    return session.Print(out.str()).ok() ? kExitOk : kExitInfrastructure;
  }
  session.json = json;
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  std::string name = command->get_name();
  for (const CLI::App* parent = command->get_parent(); parent != nullptr; parent = parent->get_parent()) {
    name = parent->get_name() + " " + name;
  }
  return Report(WithHint(absl::InvalidArgumentError(DescribeParseError(app, *command, error)),
                         fmt::format("`{} --help` lists what it takes", name)),
                session);
}

}  // namespace

int RunCrossmill(const std::vector<std::string>& arguments, Environment& env) {
  Session session(env);
  CLI::App app("Cross-architecture reproducible build farm", "crossmill");
  app.require_subcommand(1);
  app.footer(ExitCodeHelp());
  app.fallthrough();
  AddGlobalFlags(app, session);
  AddBuildCommand(app, session);
  AddRetryCommand(app, session);
  AddVerifyCommand(app, session);
  AddHistoryCommands(app, session);
  AddCheckCommand(app, session);
  AddPredictCommand(app, session);
  AddWatchCommands(app, session);
  AddBuildsCommands(app, session);
  AddDiffCommand(app, session);
  AddPackagesCommand(app, session);
  AddImageCommands(app, session);
  AddAttestCommands(app, session);
  AddWheelCommands(app, session);
  AddWheelsCommand(app, session);
  AddWorkerCommands(app, session);
  AddWebhookCommands(app, session);
  AddRetentionCommands(app, session);
  AddLoginCommands(app, session);
  AddBuildxCommand(app, session);
  AddFarmCommands(app, session);
  AddBackupCommands(app, session);
  AddPeopleCommands(app, session);
  AddMachineCommands(app, session);
  AddAcceleratorCommands(app, session);
  AddIdentityCommands(app, session);
  AddAuditCommands(app, session);
  AddDoctorCommand(app, session);
  AddPageCommand(app, session);
  AddVersionCommand(app, session);
  AddCompletionCommand(app, session);
  // The scripts of `crossmill completion` call this at each press of Tab.
  if (!arguments.empty() && arguments[0] == kCompleteCommand)
    return AnswerCompletion(app, session, {arguments.begin() + 1, arguments.end()});
  // The library's parser throws; nothing else here does.
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    const bool json = std::find(arguments.begin(), arguments.end(), "--json") != arguments.end();
    return ReportParse(app, error, session, json);
  }
  const absl::StatusOr<int> code = session.command();
  return code.ok() ? *code : Report(code.status(), session);
}

}  // namespace crossmill::cli

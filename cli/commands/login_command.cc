// crossmill login, crossmill logout: the farm that commands of this user go to.
#include <CLI/CLI.hpp>

#include "cli/commands/commands.h"
#include "cli/session/login.h"
#include "cli/show/exit_codes.h"
#include "common/base/text.h"
#include "common/words/words.h"

namespace crossmill::cli {
namespace {

constexpr size_t kLongestToken = 64 << 10;

// A line of standard input, which a terminal does not show.
absl::StatusOr<std::string> AskForToken(Session& session) {
  const bool asks = session.env.ErrTerminal().is_terminal;
  if (asks) session.Tell("token: ");
  session.env.ShowInput(false);
  std::string line;
  absl::Status status;
  for (char byte = 0; line.size() <= kLongestToken; line += byte) {
    const auto count = session.env.ReadIn(&byte, 1);
    status = count.status();
    if (!status.ok() || *count == 0 || byte == '\n') break;
  }
  session.env.ShowInput(true);
  if (asks) session.Tell("\n");
  RETURN_IF_ERROR(status);
  line = Trim(line);
  if (line.empty() || line.size() > kLongestToken) {
    return WithHint(absl::InvalidArgumentError("there is no token on standard input"),
                    "`crossmill admin token create NAME` on the coordinator's machine makes one");
  }
  return line;
}

std::string CallerText(const v1::GetCallerResponse& caller) {
  std::string text = caller.name().empty() ? "whoever opens its socket" : caller.name();
  text += fmt::format(" (role {}", Word(caller.role()));
  if (!caller.project().empty()) text += fmt::format(", project {}", caller.project());
  return text + ")";
}

// What is kept works: the coordinator is asked first.
absl::StatusOr<int> LogIn(Session& session, const std::string& address) {
  if (!address.empty()) session.coordinator = address;
  if (session.coordinator.empty()) session.coordinator = session.env.VariableOr("CROSSMILL_COORDINATOR");
  if (session.coordinator.empty()) {
    return WithHint(absl::InvalidArgumentError("login needs the address of a coordinator"),
                    "crossmill login farm.example:7777");
  }
  // Nothing of an earlier login: it may be what is no longer good.
  ASSIGN_OR_RETURN(ConnectOptions login, session.SaidOptions());
  if (login.token.empty() && !login.address.starts_with("unix:")) {
    ASSIGN_OR_RETURN(login.token, AskForToken(session));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Farm> farm, session.env.Connect(login));
  ASSIGN_OR_RETURN(const v1::GetCallerResponse caller,
                   session.Call(*farm->farm, &v1::Farm::StubInterface::GetCaller, v1::GetCallerRequest()));
  RETURN_IF_ERROR(WriteLogin(LoginFolder(session.env), login));
  RETURN_IF_ERROR(session.Print(fmt::format("logged in to {} as {}\n", login.address, CallerText(caller))));
  return kExitOk;
}

absl::StatusOr<int> LogOut(Session& session) {
  const std::string address = session.Login() ? session.Login()->address : "";
  ASSIGN_OR_RETURN(const bool removed, RemoveLogin(LoginFolder(session.env)));
  RETURN_IF_ERROR(session.Print(!removed          ? "nobody is logged in\n"
                                : address.empty() ? "logged out\n"
                                                  : fmt::format("logged out of {}\n", address)));
  return kExitOk;
}

}  // namespace

void AddLoginCommands(CLI::App& app, Session& session) {
  CLI::App* login = app.add_subcommand(
      "login", "Keep the address and the token of a farm: commands go there until `logout`");
  auto address = std::make_shared<std::string>();
  login->add_option("ADDRESS", *address, "HOST:PORT or unix:/PATH [default: --coordinator]");
  login->footer(
      "The token: --token-file, CROSSMILL_TOKEN, or a line of standard input. With TLS --ca-file, which is "
      "copied.");
  login->callback(
      [&session, address] { session.command = [&session, address] { return LogIn(session, *address); }; });
  CLI::App* logout = app.add_subcommand("logout", "Forget what `login` keeps");
  logout->callback([&session] { session.command = [&session] { return LogOut(session); }; });
}

}  // namespace crossmill::cli

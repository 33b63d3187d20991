// crossmill login, crossmill logout: the farm that commands of this user go to.
#include <CLI/CLI.hpp>

#include "cli/commands/commands.h"
#include "cli/session/login.h"
#include "cli/show/exit_codes.h"
#include "cli/show/text.h"
#include "common/base/files.h"
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

struct LoginFlags {
  std::string address, identity_file, identity_rule;
};

// What a pipeline service signed for this job: by the flag, or by the variable where nobody said a token.
absl::StatusOr<std::string> IdentityToken(Session& session, const LoginFlags& flags, bool has_token) {
  std::string text = has_token ? "" : session.env.VariableOr("CROSSMILL_IDENTITY_TOKEN");
  if (!flags.identity_file.empty()) {
    absl::StatusOr<std::string> read = ReadFile(flags.identity_file);
    if (!read.ok()) return Annotate(read.status(), "--identity-token-file");
    text = *std::move(read);
    if (Trim(text).empty())
      return absl::InvalidArgumentError(
          fmt::format("{}: there is no identity token in it", flags.identity_file));
  }
  return std::string(Trim(text));
}

absl::StatusOr<v1::ExchangeIdentityResponse> Exchange(Session& session, ConnectOptions options,
                                                      const std::string& identity, const LoginFlags& flags) {
  v1::ExchangeIdentityRequest request;
  request.set_identity_token(identity);
  request.set_rule(flags.identity_rule);
  // Before there is a token.
  options.token.clear();
  ASSIGN_OR_RETURN(const std::unique_ptr<Farm> farm, session.env.Connect(options));
  return session.Call(*farm->people, &v1::People::StubInterface::ExchangeIdentity, request);
}

// What is kept works: the coordinator is asked first.
absl::StatusOr<int> LogIn(Session& session, const LoginFlags& flags) {
  if (!flags.address.empty()) session.coordinator = flags.address;
  if (session.coordinator.empty()) session.coordinator = session.env.VariableOr("CROSSMILL_COORDINATOR");
  if (session.coordinator.empty()) {
    return WithHint(absl::InvalidArgumentError("login needs the address of a coordinator"),
                    "crossmill login farm.example:7777");
  }
  // Nothing of an earlier login: it may be what is no longer good.
  ASSIGN_OR_RETURN(ConnectOptions login, session.SaidOptions());
  std::string until;
  ASSIGN_OR_RETURN(const std::string identity, IdentityToken(session, flags, !login.token.empty()));
  if (!identity.empty()) {
    ASSIGN_OR_RETURN(const v1::ExchangeIdentityResponse given, Exchange(session, login, identity, flags));
    login.token = given.secret();
    until = ", until " + FormatRfc3339(given.expires_at());
  }
  if (login.token.empty() && !login.address.starts_with("unix:")) {
    ASSIGN_OR_RETURN(login.token, AskForToken(session));
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<Farm> farm, session.env.Connect(login));
  ASSIGN_OR_RETURN(const v1::GetCallerResponse caller,
                   session.Call(*farm->farm, &v1::Farm::StubInterface::GetCaller, v1::GetCallerRequest()));
  RETURN_IF_ERROR(WriteLogin(LoginFolder(session.env), login));
  RETURN_IF_ERROR(
      session.Print(fmt::format("logged in to {} as {}{}\n", login.address, CallerText(caller), until)));
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
  auto flags = std::make_shared<LoginFlags>();
  login->add_option("ADDRESS", flags->address, "HOST:PORT or unix:/PATH [default: --coordinator]");
  login->add_option(
      "--identity-token-file", flags->identity_file,
      "In a pipeline: file with what its service signed for the job, to be exchanged for a token of "
      "the farm [CROSSMILL_IDENTITY_TOKEN]");
  login->add_option("--identity-rule", flags->identity_rule, "By which rule, where more than one takes it");
  login->footer(
      "The token: --token-file, CROSSMILL_TOKEN, or a line of standard input. With TLS --ca-file, which is "
      "copied.");
  login->callback(
      [&session, flags] { session.command = [&session, flags] { return LogIn(session, *flags); }; });
  CLI::App* logout = app.add_subcommand("logout", "Forget what `login` keeps");
  logout->callback([&session] { session.command = [&session] { return LogOut(session); }; });
}

}  // namespace crossmill::cli

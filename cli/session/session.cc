#include "cli/session/session.h"

#include <charconv>

#include "cli/session/login.h"
#include "cli/show/exit_codes.h"
#include "common/base/absolute_path.h"
#include "common/base/files.h"

namespace crossmill::cli {

std::string Session::DataFolder() {
  // Processes that `up` starts have another working folder.
  if (!data.empty()) return AbsolutePath(data);
  if (const std::string folder = env.VariableOr("CROSSMILL_DATA"); !folder.empty())
    return AbsolutePath(folder);
  if (env.IsRoot()) return "/var/lib/crossmill";
  if (const std::string folder = env.VariableOr("XDG_DATA_HOME"); !folder.empty())
    return AbsolutePath(folder + "/crossmill");
  return env.VariableOr("HOME") + "/.local/share/crossmill";
}

const std::optional<ConnectOptions>& Session::Login() {
  static const std::optional<ConnectOptions> kNobody;
  if (!login_) login_ = ReadLogin(LoginFolder(env));
  return login_->ok() ? **login_ : kNobody;
}

bool Session::SaysWhichFarm() {
  return !coordinator.empty() || !data.empty() || !env.VariableOr("CROSSMILL_COORDINATOR").empty() ||
         !env.VariableOr("CROSSMILL_DATA").empty();
}

std::string Session::Address() {
  if (!coordinator.empty()) return coordinator;
  if (const std::string address = env.VariableOr("CROSSMILL_COORDINATOR"); !address.empty()) return address;
  if (!SaysWhichFarm() && Login()) return Login()->address;
  return "unix:" + DataFolder() + "/coordinator.sock";
}

absl::StatusOr<std::string> Session::Token() {
  if (token_file.empty()) return env.VariableOr("CROSSMILL_TOKEN");
  ASSIGN_OR_RETURN(std::string token, ReadFile(token_file, 64 << 10));
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' '))
    token.pop_back();
  return token;
}

absl::StatusOr<ConnectOptions> Session::SaidOptions() {
  ConnectOptions options;
  options.address = Address();
  ASSIGN_OR_RETURN(options.token, Token());
  options.ca_file = ca_file.empty() ? env.VariableOr("CROSSMILL_CA_FILE") : ca_file;
  options.insecure = insecure;
  return options;
}

absl::StatusOr<ConnectOptions> Session::Options() {
  const std::optional<ConnectOptions>& login = Login();
  if (!SaysWhichFarm()) RETURN_IF_ERROR(login_->status());
  ASSIGN_OR_RETURN(ConnectOptions options, SaidOptions());
  if (login && login->address == options.address) {
    if (options.token.empty()) options.token = login->token;
    if (options.ca_file.empty()) options.ca_file = login->ca_file;
    options.insecure = options.insecure || login->insecure;
  }
  return options;
}

absl::StatusOr<Farm*> Session::Connect() {
  if (farm_ == nullptr) {
    ASSIGN_OR_RETURN(const ConnectOptions options, Options());
    ASSIGN_OR_RETURN(farm_, env.Connect(options));
  }
  return farm_.get();
}

TextOptions Session::TextFor(const Terminal& terminal) {
  TextOptions options;
  options.width = terminal.is_terminal ? terminal.width : 160;
  if (const std::string columns = env.VariableOr("COLUMNS"); !terminal.is_terminal && !columns.empty()) {
    int width = 0;
    std::from_chars(columns.data(), columns.data() + columns.size(), width);
    if (width >= 40) options.width = width;
  }
  options.colour =
      terminal.is_terminal && env.VariableOr("NO_COLOR").empty() && env.VariableOr("TERM") != "dumb";
  return options;
}

TextOptions Session::OutText() { return TextFor(env.OutTerminal()); }
bool Session::ErrColour() { return TextFor(env.ErrTerminal()).colour; }

absl::Status Session::PrintJson(const Json& document) {
  return env.Out(PrintableJson(WriteJsonPretty(document)) + "\n");
}

void Session::TellJson(const Json& line) { env.Err(PrintableJson(WriteJson(line)) + "\n"); }

absl::Status Session::Explain(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
      return WithHint(absl::UnavailableError(fmt::format("cannot reach the coordinator at {}: {}", Address(),
                                                         Sv(status.message()))),
                      "`crossmill up` starts a farm on this machine; `crossmill login`, --coordinator or "
                      "CROSSMILL_COORDINATOR names another");
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return WithHint(Annotate(status, fmt::format("the coordinator at {} refused", Address())),
                      "`crossmill login`, --token-file or CROSSMILL_TOKEN gives a client token; the local "
                      "socket belongs to the user who "
                      "started the coordinator");
    default:
      return status;
  }
}

absl::StatusOr<int64_t> ParseBuildId(std::string_view text) {
  if (text.empty() || text == "latest") return 0;
  std::string_view digits = text;
  if (digits.front() == 'b' || digits.front() == '#') digits.remove_prefix(1);
  int64_t id = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id);
  if (error != std::errc() || end != digits.data() + digits.size() || id <= 0) {
    return absl::InvalidArgumentError(
        fmt::format("\"{}\" is no build; expected its number (crossmill ls) or \"latest\"", text));
  }
  return id;
}

absl::StatusOr<v1::BuildView> GetBuild(Session& session, std::string_view text) {
  ASSIGN_OR_RETURN(const int64_t id, ParseBuildId(text));
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::GetBuildRequest request;
  request.set_build_id(id);
  return session.Call(*farm->builds, &v1::Builds::StubInterface::GetBuild, request);
}

}  // namespace crossmill::cli

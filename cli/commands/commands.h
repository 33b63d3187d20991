// The commands: each function adds its subcommands to the parser; a chosen one sets session.command.
#pragma once

#include "cli/session/session.h"

namespace CLI {
class App;
}

namespace crossmill::cli {

void AddBuildCommand(CLI::App& app, Session& session);
void AddRetryCommand(CLI::App& app, Session& session);
void AddVerifyCommand(CLI::App& app, Session& session);
// history, reverify
void AddHistoryCommands(CLI::App& app, Session& session);
void AddCheckCommand(CLI::App& app, Session& session);
void AddPredictCommand(CLI::App& app, Session& session);
// watch, logs
void AddWatchCommands(CLI::App& app, Session& session);
void AddDiffCommand(CLI::App& app, Session& session);
// ls, show, fetches, cancel
void AddBuildsCommands(CLI::App& app, Session& session);
void AddPackagesCommand(CLI::App& app, Session& session);
// image import|ls|pull|push|save|rm|inspect|history
void AddImageCommands(CLI::App& app, Session& session);
// attest, verify-attestation
void AddAttestCommands(CLI::App& app, Session& session);
// wheel ls|save|rm
void AddWheelCommands(CLI::App& app, Session& session);
void AddWheelsCommand(CLI::App& app, Session& session);
// worker ls|drain|undrain
void AddWorkerCommands(CLI::App& app, Session& session);
// webhook add|ls|rm|deliveries|redeliver
void AddWebhookCommands(CLI::App& app, Session& session);
// login, logout
void AddLoginCommands(CLI::App& app, Session& session);
// buildx-setup
void AddBuildxCommand(CLI::App& app, Session& session);
// up, down
void AddFarmCommands(CLI::App& app, Session& session);
// page
void AddPageCommand(CLI::App& app, Session& session);
void AddDoctorCommand(CLI::App& app, Session& session);
void AddVersionCommand(CLI::App& app, Session& session);
void AddCompletionCommand(CLI::App& app, Session& session);

}  // namespace crossmill::cli

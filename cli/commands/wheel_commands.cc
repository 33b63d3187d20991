// crossmill wheel ls, save and rm: what the farm has compiled.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <set>

#include "cli/commands/commands.h"
#include "cli/session/json_flag.h"
#include "cli/show/exit_codes.h"
#include "cli/show/json_output.h"
#include "cli/show/render_tables.h"
#include "common/base/clock.h"
#include "common/base/files.h"
#include "common/base/text.h"

namespace crossmill::cli {
namespace {

struct ListFlags {
  std::string project;
  int limit = 0;
};

struct SaveFlags {
  std::vector<std::string> wheels;
  std::string folder = ".";
};

absl::StatusOr<v1::ListFarmWheelsResponse> Ask(Session& session, const std::string& project, int limit) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::ListFarmWheelsRequest request;
  request.set_project(project);
  request.set_limit(limit);
  return session.Call(*farm->wheels, &v1::Wheels::StubInterface::ListFarmWheels, request);
}

absl::Status PrintWheels(Session& session, const v1::ListFarmWheelsResponse& response) {
  if (!session.json) {
    return session.Print(
        RenderFarmWheels(std::vector<v1::FarmWheelView>(response.wheels().begin(), response.wheels().end()),
                         response.more(), UnixNanos(absl::Now()), session.OutText()));
  }
  Json list = Json::array();
  for (const v1::FarmWheelView& view : response.wheels()) list.push_back(FarmWheelJson(view));
  return session.PrintJson(list);
}

absl::StatusOr<int> ListWheels(Session& session, const ListFlags& flags) {
  ASSIGN_OR_RETURN(const v1::ListFarmWheelsResponse response, Ask(session, flags.project, flags.limit));
  RETURN_IF_ERROR(PrintWheels(session, response));
  return kExitOk;
}

// A number or a project's name.
absl::StatusOr<std::vector<v1::FarmWheelView>> FindWheels(Session& session, const std::string& text) {
  int64_t id = 0;
  const bool is_id = absl::SimpleAtoi(text, &id);
  ASSIGN_OR_RETURN(const v1::ListFarmWheelsResponse response, Ask(session, is_id ? "" : text, 10'000));
  std::vector<v1::FarmWheelView> found;
  for (const v1::FarmWheelView& view : response.wheels()) {
    if (!is_id || view.id() == id) found.push_back(view);
  }
  if (!found.empty()) return found;
  return absl::NotFoundError(
      fmt::format("the farm has no wheel {}; `crossmill wheel ls` lists them", Printable(text)));
}

absl::Status WriteWheel(BlobStore& blobs, const v1::FarmWheelView& view, const std::string& path) {
  const Digest digest = FromProto(view.wheel().file());
  ASSIGN_OR_RETURN(const std::string bytes, blobs.Get(digest));
  return WriteFileAtomic(path, bytes);
}

absl::StatusOr<int> Save(Session& session, const SaveFlags& flags) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  std::error_code error;
  std::filesystem::create_directories(flags.folder, error);
  if (error) {
    return absl::InvalidArgumentError(fmt::format("cannot make {}: {}", flags.folder, error.message()));
  }
  // The newest of a name comes first; older ones of the same name would take its place.
  std::set<std::string> written;
  Json list = Json::array();
  for (const std::string& text : flags.wheels) {
    ASSIGN_OR_RETURN(const std::vector<v1::FarmWheelView> found, FindWheels(session, text));
    for (const v1::FarmWheelView& view : found) {
      const std::string& name = view.wheel().file_name();
      if (name.find('/') != std::string::npos || !written.insert(name).second) continue;
      const std::string path = (std::filesystem::path(flags.folder) / name).string();
      RETURN_IF_ERROR(Annotate(WriteWheel(*farm->blobs, view, path), path));
      if (!session.json) RETURN_IF_ERROR(session.Print(path + "\n"));
      Json row = FarmWheelJson(view);
      row["path"] = path;
      list.push_back(std::move(row));
    }
  }
  if (session.json) RETURN_IF_ERROR(session.PrintJson(list));
  return kExitOk;
}

absl::StatusOr<int> RemoveWheels(Session& session, const std::vector<std::string>& wheels) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::RemoveFarmWheelsRequest request;
  for (const std::string& text : wheels) {
    ASSIGN_OR_RETURN(const std::vector<v1::FarmWheelView> found, FindWheels(session, text));
    for (const v1::FarmWheelView& view : found) request.add_ids(view.id());
  }
  ASSIGN_OR_RETURN(const v1::RemoveFarmWheelsResponse response,
                   session.Call(*farm->wheels, &v1::Wheels::StubInterface::RemoveFarmWheels, request));
  v1::ListFarmWheelsResponse removed;
  *removed.mutable_wheels() = response.removed();
  RETURN_IF_ERROR(PrintWheels(session, removed));
  return kExitOk;
}

}  // namespace

void AddWheelCommands(CLI::App& app, Session& session) {
  CLI::App* wheel = app.add_subcommand("wheel", "Wheels that the farm compiled and offers to later builds");
  wheel->require_subcommand(1);

  CLI::App* list = wheel->add_subcommand("ls", "List wheels: what from, how long it took, how often offered");
  auto flags = std::make_shared<ListFlags>();
  list->add_option("project", flags->project, "Only this project [all]")->type_name("NAME");
  list->add_option("--limit", flags->limit, "At most so many [1000]")->check(CLI::Range(1, 10'000));
  AddJsonFlag(*list, session);
  list->callback(
      [&session, flags] { session.command = [&session, flags] { return ListWheels(session, *flags); }; });

  CLI::App* save = wheel->add_subcommand("save", "Write wheels to a folder");
  auto saved = std::make_shared<SaveFlags>();
  save->add_option("wheel", saved->wheels, "Ids, or names of projects")->type_name("WHEEL")->required();
  save->add_option("-o,--output", saved->folder, "Folder, made if it is not there [.]")->type_name("FOLDER");
  AddJsonFlag(*save, session);
  save->callback(
      [&session, saved] { session.command = [&session, saved] { return Save(session, *saved); }; });

  CLI::App* remove = wheel->add_subcommand("rm", "Offer wheels no more");
  auto removed = std::make_shared<std::vector<std::string>>();
  remove->add_option("wheel", *removed, "Ids, or names of projects")->type_name("WHEEL")->required();
  AddJsonFlag(*remove, session);
  remove->callback([&session, removed] {
    session.command = [&session, removed] { return RemoveWheels(session, *removed); };
  });
}

}  // namespace crossmill::cli

// crossmill image import, ls, pull, push, save, rm, inspect and history.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>

#include "cli/commands/commands.h"
#include "cli/images/image_inspect.h"
#include "cli/images/image_output.h"
#include "cli/images/image_transfer.h"
#include "cli/recipe/build_flags.h"
#include "cli/session/build_follow.h"
#include "cli/session/json_flag.h"
#include "cli/show/exit_codes.h"
#include "cli/show/json_output.h"
#include "cli/show/progress.h"
#include "cli/show/render_tables.h"
#include "common/oci/layout.h"
#include "common/words/platform.h"

namespace crossmill::cli {
namespace {

absl::Status PrintImage(Session& session, const v1::ImageView& image) {
  if (session.json) return session.PrintJson(ImageJson(image));
  return session.Print(fmt::format("{} {}\n", image.name(), image.digest()));
}

struct ImportFlags {
  std::string path;
  std::string name;
  std::string choose;
  bool stand_in = false;
};

absl::StatusOr<int> Import(Session& session, const ImportFlags& flags) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  // Asked first: a coordinator that is not there should not be noticed after reading gigabytes.
  RETURN_IF_ERROR(
      session.Call(*farm->farm, &v1::Farm::StubInterface::GetVersion, v1::GetVersionRequest()).status());
  oci::ImportOptions options;
  options.name = flags.choose;
  ASSIGN_OR_RETURN(const oci::ImportedImage imported, oci::ImportImage(flags.path, *farm->blobs, options));
  v1::ImportImageRequest request;
  request.set_name(flags.name.empty() && !imported.names.empty() ? imported.names[0] : flags.name);
  if (request.name().empty()) {
    return absl::InvalidArgumentError(fmt::format(
        "{} says no name for its image; give one: crossmill image import {} NAME", flags.path, flags.path));
  }
  ToProto(imported.root, request.mutable_root());
  request.set_stand_in(flags.stand_in);
  ASSIGN_OR_RETURN(const v1::ImageView image,
                   session.Call(*farm->images, &v1::Images::StubInterface::ImportImage, request));
  RETURN_IF_ERROR(PrintImage(session, image));
  return kExitOk;
}

absl::StatusOr<int> ListImages(Session& session) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  std::vector<v1::ImageView> images;
  v1::ListImagesRequest request;
  request.set_page_size(1000);
  do {
    ASSIGN_OR_RETURN(const v1::ListImagesResponse response,
                     session.Call(*farm->images, &v1::Images::StubInterface::ListImages, request));
    images.insert(images.end(), response.images().begin(), response.images().end());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  if (session.json) {
    Json list = Json::array();
    for (const v1::ImageView& image : images) list.push_back(ImageJson(image));
    RETURN_IF_ERROR(session.PrintJson(list));
  } else {
    RETURN_IF_ERROR(
        session.Print(RenderImages(images, UnixNanos(session.env.clock().Now()), session.OutText())));
  }
  return kExitOk;
}

absl::Status AddPlatforms(const std::vector<std::string>& texts,
                          google::protobuf::RepeatedPtrField<v1::Platform>* platforms) {
  for (const std::string& text : texts) {
    ASSIGN_OR_RETURN(*platforms->Add(), ParsePlatform(text));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> Pull(Session& session, const std::string& reference,
                         const std::vector<std::string>& platforms) {
  v1::PullImageRequest request;
  request.set_reference(reference);
  RETURN_IF_ERROR(AddPlatforms(platforms, request.mutable_platforms()));
  const std::unique_ptr<Progress> progress = MakeProgress(session, ProgressMode::kAuto);
  const absl::StatusOr<v1::ImageView> image = PullImage(session, request, *progress);
  progress->Finish();
  RETURN_IF_ERROR(image.status());
  RETURN_IF_ERROR(PrintImage(session, *image));
  return kExitOk;
}

struct PushFlags {
  std::string name;
  std::string reference;
  std::vector<std::string> platforms;
  bool attest = false;
};

absl::StatusOr<int> Push(Session& session, const PushFlags& flags) {
  v1::PushImageRequest request;
  request.set_name(flags.name);
  request.set_reference(flags.reference);
  request.set_attest(flags.attest);
  RETURN_IF_ERROR(AddPlatforms(flags.platforms, request.mutable_platforms()));
  const std::unique_ptr<Progress> progress = MakeProgress(session, ProgressMode::kAuto);
  const absl::StatusOr<PushedImage> pushed = PushImage(session, request, *progress);
  progress->Finish();
  RETURN_IF_ERROR(pushed.status());
  const std::string& target = flags.reference.empty() ? flags.name : flags.reference;
  if (session.json) {
    Json json = {{"reference", target}, {"digest", pushed->digest}};
    if (flags.attest) json["attestations"] = pushed->attestations;
    RETURN_IF_ERROR(session.PrintJson(json));
  } else {
    RETURN_IF_ERROR(session.Print(fmt::format("{} {}\n", target, pushed->digest)));
  }
  return kExitOk;
}

absl::StatusOr<int> Remove(Session& session, const std::vector<std::string>& names) {
  v1::RemoveImageRequest request;
  for (const std::string& name : names) request.add_names(name);
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  ASSIGN_OR_RETURN(const v1::RemoveImageResponse response,
                   session.Call(*farm->images, &v1::Images::StubInterface::RemoveImage, request));
  Json list = Json::array();
  for (const v1::ImageView& image : response.removed()) {
    list.push_back(ImageJson(image));
    if (!session.json)
      RETURN_IF_ERROR(session.Print(fmt::format("removed {} {}\n", image.name(), image.digest())));
  }
  if (session.json) RETURN_IF_ERROR(session.PrintJson(list));
  return kExitOk;
}

absl::StatusOr<std::optional<v1::Platform>> OnePlatform(const std::string& text) {
  if (text.empty()) return std::optional<v1::Platform>();
  ASSIGN_OR_RETURN(v1::Platform platform, ParsePlatform(text));
  return std::optional<v1::Platform>(std::move(platform));
}

absl::StatusOr<int> Inspect(Session& session, const std::string& name, const std::string& platform_text) {
  ASSIGN_OR_RETURN(const auto platform, OnePlatform(platform_text));
  ASSIGN_OR_RETURN(const InspectedImage image, InspectImage(session, name, platform));
  if (session.json) {
    RETURN_IF_ERROR(session.PrintJson(InspectJson(image)));
  } else {
    RETURN_IF_ERROR(session.Print(RenderInspect(image, session.OutText())));
  }
  return kExitOk;
}

absl::StatusOr<int> History(Session& session, const std::string& name, const std::string& platform_text,
                            bool full) {
  ASSIGN_OR_RETURN(const auto platform, OnePlatform(platform_text));
  ASSIGN_OR_RETURN(const InspectedImage image, InspectImage(session, name, platform));
  // The build's record knows the times; without it the history is what any tool would show.
  std::optional<v1::BuildView> build;
  if (image.image.build_id() != 0) {
    auto view = GetBuild(session, std::to_string(image.image.build_id()));
    if (view.ok()) build = *std::move(view);
  }
  Json json = Json::object();
  for (const InspectedPlatform& one : image.platforms) {
    const std::vector<HistoryRow> rows = HistoryOf(one, build.has_value() ? &*build : nullptr);
    const std::string title = FormatPlatform(one.platform);
    if (session.json) {
      json[title] = HistoryJson(rows);
      continue;
    }
    if (image.platforms.size() > 1) {
      RETURN_IF_ERROR(
          session.Print(fmt::format("{}{}\n", &one == &image.platforms.front() ? "" : "\n", title)));
    }
    RETURN_IF_ERROR(
        session.Print(RenderHistory(rows, UnixNanos(session.env.clock().Now()), full, session.OutText())));
  }
  if (session.json) RETURN_IF_ERROR(session.PrintJson(json));
  return kExitOk;
}

absl::StatusOr<int> Save(Session& session, const std::string& name, const std::vector<std::string>& outputs) {
  std::vector<OutputTarget> targets;
  for (const std::string& output : outputs) {
    ASSIGN_OR_RETURN(const OutputTarget target, ParseOutput(output));
    if (target.compression != 0 || target.compression_level != 0) {
      return absl::InvalidArgumentError(fmt::format(
          "-o {}: layers are saved as they are; build with --compression to have others", output));
    }
    if (target.destination == "-" && session.env.OutTerminal().is_terminal) {
      return absl::InvalidArgumentError("-o -: standard output is a terminal; redirect it to a file");
    }
    targets.push_back(target);
  }
  const auto to_stdout = [](const OutputTarget& target) { return target.destination == "-"; };
  if (std::count_if(targets.begin(), targets.end(), to_stdout) > 1) {
    return absl::InvalidArgumentError("-o -: standard output can hold only one result");
  }
  ImageToWrite image;
  image.image = name;
  if (!name.starts_with("sha256:")) image.names.push_back(name);
  for (const OutputTarget& target : targets) RETURN_IF_ERROR(WriteImage(session, image, target));
  return kExitOk;
}

void AddImport(CLI::App* image, Session& session) {
  CLI::App* command =
      image->add_subcommand("import", "Put an OCI layout or a docker-save archive into the farm's store");
  auto flags = std::make_shared<ImportFlags>();
  command->add_option("path", flags->path, "OCI layout folder or tar, or a tar by docker save")
      ->type_name("PATH")
      ->required();
  command->add_option("name", flags->name, "Name in the store, as a FROM writes it [as in the archive]")
      ->type_name("NAME");
  command->add_option("--choose", flags->choose, "Which image, when there are several")->type_name("NAME");
  command->add_flag("--stand-in", flags->stand_in, "Mark it as made in place of the published image");
  AddJsonFlag(*command, session);
  command->callback(
      [&session, flags] { session.command = [&session, flags] { return Import(session, *flags); }; });
}

void AddSave(CLI::App* image, Session& session) {
  CLI::App* save =
      image->add_subcommand("save", "Write an image to files: OCI layout, docker archive, file system");
  auto name = std::make_shared<std::string>();
  auto outputs = std::make_shared<std::vector<std::string>>();
  save->add_option("name", *name, "Name in the store or sha256:...")->type_name("IMAGE")->required();
  save->add_option(
          "-o,--output", *outputs,
          "type=oci|docker|tar|local,dest=PATH, FILE (an OCI layout), or - for standard output; repeatable")
      ->type_name("OUTPUT")
      ->required()
      ->allow_extra_args(false);
  save->callback([&session, name, outputs] {
    session.command = [&session, name, outputs] { return Save(session, *name, *outputs); };
  });
}

void AddPush(CLI::App* image, Session& session) {
  CLI::App* push = image->add_subcommand("push", "Push an image of the farm's store to a registry");
  auto flags = std::make_shared<PushFlags>();
  push->add_option("name", flags->name, "Name in the store or sha256:...")->type_name("IMAGE")->required();
  push->add_option("reference", flags->reference, "Where to: REGISTRY/REPOSITORY:TAG [NAME]")
      ->type_name("REFERENCE");
  push->add_option("--platform", flags->platforms, "Only these platforms; one: its manifest alone [all]")
      ->type_name("OS/ARCH")
      ->delimiter(',')
      ->allow_extra_args(false);
  push->add_flag("--attest", flags->attest,
                 "Push the build's signed statements too: beside the image, whose digests stay as they are");
  AddJsonFlag(*push, session);
  push->callback(
      [&session, flags] { session.command = [&session, flags] { return Push(session, *flags); }; });
}

void AddRemove(CLI::App* image, Session& session) {
  CLI::App* remove = image->add_subcommand("rm", "Take names out of the farm's store");
  auto names = std::make_shared<std::vector<std::string>>();
  remove->add_option("name", *names, "Names; sha256:... takes all names of an image")
      ->type_name("IMAGE")
      ->required();
  AddJsonFlag(*remove, session);
  remove->callback(
      [&session, names] { session.command = [&session, names] { return Remove(session, *names); }; });
}

void AddInspect(CLI::App* image, Session& session) {
  CLI::App* inspect = image->add_subcommand("inspect", "Show what an image is: digests, config, layers");
  auto name = std::make_shared<std::string>();
  auto platform = std::make_shared<std::string>();
  inspect->add_option("name", *name, "Name in the store or sha256:...")->type_name("IMAGE")->required();
  inspect->add_option("--platform", *platform, "Only this platform [all]")->type_name("OS/ARCH");
  AddJsonFlag(*inspect, session);
  inspect->callback([&session, name, platform] {
    session.command = [&session, name, platform] { return Inspect(session, *name, *platform); };
  });
}

void AddHistory(CLI::App* image, Session& session) {
  CLI::App* history =
      image->add_subcommand("history", "Show an image's steps with size and time, the last first");
  auto name = std::make_shared<std::string>();
  auto platform = std::make_shared<std::string>();
  auto full = std::make_shared<bool>(false);
  history->add_option("name", *name, "Name in the store or sha256:...")->type_name("IMAGE")->required();
  history->add_option("--platform", *platform, "Only this platform [all]")->type_name("OS/ARCH");
  history->add_flag("--no-trunc", *full, "Do not shorten long commands");
  AddJsonFlag(*history, session);
  history->callback([&session, name, platform, full] {
    session.command = [&session, name, platform, full] { return History(session, *name, *platform, *full); };
  });
}

}  // namespace

void AddImageCommands(CLI::App& app, Session& session) {
  CLI::App* image = app.add_subcommand("image", "Images in the farm's store");
  image->require_subcommand(1);
  AddImport(image, session);

  CLI::App* list = image->add_subcommand("ls", "List images");
  AddJsonFlag(*list, session);
  list->callback([&session] { session.command = [&session] { return ListImages(session); }; });

  CLI::App* pull = image->add_subcommand("pull", "Pull an image from its registry into the farm's store");
  auto reference = std::make_shared<std::string>();
  auto platforms = std::make_shared<std::vector<std::string>>();
  pull->add_option("reference", *reference, "NAME[:TAG][@DIGEST]")->type_name("REFERENCE")->required();
  pull->add_option("--platform", *platforms, "Only these platforms [all]")
      ->type_name("OS/ARCH")
      ->delimiter(',')
      ->allow_extra_args(false);
  AddJsonFlag(*pull, session);
  pull->callback([&session, reference, platforms] {
    session.command = [&session, reference, platforms] { return Pull(session, *reference, *platforms); };
  });

  AddSave(image, session);
  AddPush(image, session);
  AddRemove(image, session);
  AddInspect(image, session);
  AddHistory(image, session);
}

}  // namespace crossmill::cli

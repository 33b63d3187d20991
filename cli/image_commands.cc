// crossmill image import, ls, pull and save.
#include <CLI/CLI.hpp>

#include "cli/build_flags.h"
#include "cli/build_follow.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/image_output.h"
#include "cli/json_output.h"
#include "cli/progress.h"
#include "cli/render_tables.h"
#include "common/oci/layout.h"
#include "common/plan/platform.h"

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
  ASSIGN_OR_RETURN(
      const v1::ListImagesResponse response,
      session.Call(*farm->images, &v1::Images::StubInterface::ListImages, v1::ListImagesRequest()));
  const std::vector<v1::ImageView> images(response.images().begin(), response.images().end());
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

absl::StatusOr<int> Pull(Session& session, const std::string& reference,
                         const std::vector<std::string>& platforms) {
  v1::PullImageRequest request;
  request.set_reference(reference);
  for (const std::string& text : platforms) {
    ASSIGN_OR_RETURN(*request.add_platforms(), plan::ParsePlatform(text));
  }
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  const std::unique_ptr<Progress> progress = MakeProgress(session, ProgressMode::kAuto);
  // Blob -> (done, total).
  std::map<std::string, std::pair<int64_t, int64_t>> blobs;
  grpc::ClientContext context;
  const auto reader = farm->images->PullImage(&context, request);
  v1::PullProgress news;
  v1::ImageView image;
  while (reader->Read(&news)) {
    if (news.has_image()) image = news.image();
    if (news.digest().empty()) continue;
    blobs[news.digest()] = {news.done_bytes(), news.total_bytes()};
    int64_t done = 0;
    int64_t total = 0;
    for (const auto& [digest, bytes] : blobs) {
      done += bytes.first;
      total += bytes.second;
    }
    progress->Activity(fmt::format("pulling {}: {} of {}", reference, FormatBytes(done), FormatBytes(total)));
    if (news.done_bytes() == news.total_bytes()) {
      progress->Note(fmt::format("{} {}", news.digest(), FormatBytes(news.total_bytes())));
    }
  }
  const grpc::Status status = reader->Finish();
  progress->Finish();
  if (!status.ok()) return session.Explain(rpc::FromGrpc(status));
  RETURN_IF_ERROR(PrintImage(session, image));
  return kExitOk;
}

absl::StatusOr<int> Save(Session& session, const std::string& name, const std::string& output) {
  ASSIGN_OR_RETURN(const OutputTarget target, ParseOutput(output));
  if (target.destination == "-" && session.env.OutTerminal().is_terminal) {
    return absl::InvalidArgumentError("-o -: standard output is a terminal; redirect it to a file");
  }
  std::vector<std::string> names;
  if (!name.starts_with("sha256:")) names.push_back(name);
  RETURN_IF_ERROR(WriteImage(session, name, names, target.destination));
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

  CLI::App* save = image->add_subcommand("save", "Write an image as OCI layout tar");
  auto name = std::make_shared<std::string>();
  auto output = std::make_shared<std::string>();
  save->add_option("name", *name, "Name in the store or sha256:...")->type_name("IMAGE")->required();
  save->add_option("-o,--output", *output, "FILE, type=oci,dest=FILE, or - for standard output")
      ->type_name("OUTPUT")
      ->required();
  save->callback([&session, name, output] {
    session.command = [&session, name, output] { return Save(session, *name, *output); };
  });
}

}  // namespace crossmill::cli

// crossmill attest and verify-attestation: the evidence of a build, and what evidence is worth.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/commands/commands.h"
#include "cli/evidence/evidence_files.h"
#include "cli/evidence/render_evidence.h"
#include "cli/session/json_flag.h"
#include "cli/show/exit_codes.h"
#include "common/base/digest.h"

namespace crossmill::cli {
namespace {

// All of it; the coordinator says at most so much.
constexpr int64_t kMostEvidenceBytes = int64_t{1} << 30;

absl::StatusOr<std::vector<v1::EvidenceFile>> ListEvidence(Session& session, int64_t build) {
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::ListStatementsRequest request;
  request.set_build_id(build);
  std::vector<v1::EvidenceFile> files;
  const absl::Status status = session.CallStream([&]() -> absl::Status {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(10));
    const auto stream = farm->attestations->ListStatements(&context, request);
    files.clear();
    v1::EvidenceFile file;
    int64_t bytes = 0;
    while (stream->Read(&file)) {
      bytes += static_cast<int64_t>(file.ByteSizeLong());
      if (bytes > kMostEvidenceBytes)
        return absl::ResourceExhaustedError("the evidence is larger than 1 GiB");
      files.push_back(std::move(file));
    }
    return rpc::FromGrpc(stream->Finish());
  });
  if (absl::IsFailedPrecondition(status)) return WithExit(status, kExitUsage);
  RETURN_IF_ERROR(status);
  return files;
}

struct AttestFlags {
  std::string build;
  std::string folder;
};

absl::StatusOr<int> Attest(Session& session, const AttestFlags& flags) {
  // One build for all that follows, also where the latest is meant.
  ASSIGN_OR_RETURN(const v1::BuildView view, GetBuild(session, flags.build));
  ASSIGN_OR_RETURN(const std::vector<v1::EvidenceFile> files, ListEvidence(session, view.id()));
  RETURN_IF_ERROR(WriteEvidence(flags.folder, view.id(), files));
  if (session.json) {
    RETURN_IF_ERROR(session.PrintJson(EvidenceIndexJson(view.id(), files)));
    return kExitOk;
  }
  int64_t statements = 0;
  for (const v1::EvidenceFile& file : files) {
    if (file.kind() != "key") ++statements;
    RETURN_IF_ERROR(session.Print(fmt::format("{:<12}{}  {}\n", file.kind(), file.name(),
                                              file.kind() == "key" ? file.key_holder() : file.about())));
  }
  RETURN_IF_ERROR(session.Print(
      fmt::format("{} statements about build {} in {}\n", statements, view.id(), flags.folder)));
  return kExitOk;
}

struct VerifyFlags {
  std::vector<std::string> paths;
  std::vector<std::string> keys;
  std::vector<std::string> images;
};

// The hash of "sha256:...", or of what a name means in the farm's store.
absl::StatusOr<std::string> ImageHash(Session& session, const std::string& image) {
  if (image.starts_with("sha256:")) {
    auto hash = HashOfOci(image);
    return hash.ok() ? hash : Annotate(hash.status(), "--image");
  }
  ASSIGN_OR_RETURN(Farm * farm, session.Connect());
  v1::GetImageRequest request;
  request.set_name(image);
  ASSIGN_OR_RETURN(const v1::GetImageResponse response,
                   session.Call(*farm->images, &v1::Images::StubInterface::GetImage, request));
  return HashOfOci(response.image().digest());
}

absl::StatusOr<int> Verify(Session& session, const VerifyFlags& flags) {
  attest::WeighingInput input;
  for (const std::string& path : flags.keys) {
    ASSIGN_OR_RETURN(input.keys.emplace_back(), ReadTrustedKey(path));
  }
  RETURN_IF_ERROR(ReadEvidence(flags.paths, &input));
  for (const std::string& image : flags.images) {
    ASSIGN_OR_RETURN(input.images.emplace_back(), ImageHash(session, image));
  }
  const attest::Weighed weighed = attest::Weigh(input);
  if (session.json) {
    RETURN_IF_ERROR(session.PrintJson(WeighedJson(weighed)));
  } else {
    RETURN_IF_ERROR(session.Print(RenderWeighed(weighed, session.OutText())));
  }
  return ExitCodeOf(weighed.weight);
}

void AddAttest(CLI::App& app, Session& session) {
  CLI::App* attest =
      app.add_subcommand("attest", "Write the evidence of a build: signed statements and public keys");
  auto flags = std::make_shared<AttestFlags>();
  attest->add_option("build", flags->build, "Number of the build [the latest]")->type_name("BUILD");
  attest->add_option("-o,--output", flags->folder, "Folder, made if it is not there; it has to be empty")
      ->type_name("FOLDER")
      ->required();
  AddJsonFlag(*attest, session);
  attest->callback(
      [&session, flags] { session.command = [&session, flags] { return Attest(session, *flags); }; });
}

void AddVerify(CLI::App& app, Session& session) {
  CLI::App* verify =
      app.add_subcommand("verify-attestation", "Check signed statements, and weigh them together");
  auto flags = std::make_shared<VerifyFlags>();
  verify->add_option("path", flags->paths, "Statements, or folders of them")
      ->type_name("FILE|FOLDER")
      ->required();
  verify->add_option("--key", flags->keys, "Public key of a farm that you trust, in PEM; repeatable")
      ->type_name("PEM")
      ->allow_extra_args(false);
  verify
      ->add_option(
          "--image", flags->images,
          "The image in question: sha256:... of a manifest or an index, or a name in the farm's store; "
          "repeatable")
      ->type_name("DIGEST|IMAGE")
      ->allow_extra_args(false);
  AddJsonFlag(*verify, session);
  verify->callback(
      [&session, flags] { session.command = [&session, flags] { return Verify(session, *flags); }; });
}

}  // namespace

void AddAttestCommands(CLI::App& app, Session& session) {
  AddAttest(app, session);
  AddVerify(app, session);
}

}  // namespace crossmill::cli

#include "common/check/rules.h"

#include <algorithm>

namespace crossmill::check {
namespace {

constexpr Severity kInfo = Severity::kInfo;
constexpr Severity kWarning = Severity::kWarning;
constexpr Severity kError = Severity::kError;

constexpr Rule kRules[] = {
    {"StageNameCasing", kWarning, true, false, "Stage names should be lowercase",
     "stage names are compared without case, so a second spelling looks like a second stage"},
    {"FromAsCasing", kWarning, true, false, "The 'as' keyword should match the case of the 'from' keyword",
     "mixed casing hides stage names from a reader's eye"},
    {"NoEmptyContinuation", kWarning, true, false,
     "Empty continuation lines will become errors in a future release",
     "the instruction goes on after the empty line, which few readers expect"},
    {"ConsistentInstructionCasing", kWarning, true, false,
     "All commands within the Dockerfile should use the same casing (either upper or lower)",
     "one casing makes instructions easy to tell from arguments"},
    {"DuplicateStageName", kWarning, true, false, "Stage names should be unique",
     "a later stage hides the earlier one of the same name"},
    {"ReservedStageName", kWarning, true, false, "Reserved words should not be used as stage names",
     "the name means something else in FROM and COPY --from"},
    {"JSONArgsRecommended", kWarning, true, false,
     "JSON arguments recommended for ENTRYPOINT/CMD to prevent unintended behavior related to OS signals",
     "the text form runs under a shell that does not pass SIGTERM on, so the container is killed after the "
     "grace period instead of stopping"},
    {"MaintainerDeprecated", kWarning, true, false,
     "The MAINTAINER instruction is deprecated, use a label instead to define an image author",
     "tools read the label; the instruction will go"},
    {"UndefinedArgInFrom", kWarning, true, false, "FROM command must use declared ARGs",
     "an undeclared name expands to nothing, and another image than the one meant is used"},
    {"WorkdirRelativePath", kWarning, true, false,
     "Relative workdir without an absolute workdir declared within the build can have unexpected results if "
     "the base image changes",
     "the path depends on the working directory of the base image"},
    {"UndefinedVar", kWarning, true, false, "Variables should be defined before their use",
     "an undefined variable expands to nothing"},
    {"MultipleInstructionsDisallowed", kWarning, true, false,
     "Multiple instructions of the same type should not be used in the same stage",
     "only the last one counts; this one has no effect"},
    {"LegacyKeyValueFormat", kWarning, true, false,
     "Legacy key/value format with whitespace separator should not be used",
     "everything up to the end of the line becomes the value, so a second pair is lost in it"},
    {"InvalidBaseImagePlatform", kWarning, true, false,
     "Base image platform does not match expected target platform",
     "the image would hold programs of another architecture"},
    {"RedundantTargetPlatform", kWarning, true, false,
     "Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior",
     "it says nothing, and looks as if it did"},
    {"SecretsUsedInArgOrEnv", kWarning, true, false,
     "Sensitive data should not be used in the ARG or ENV commands",
     "values of ARG and ENV stay in the image's config and history for everyone who can pull it"},
    {"InvalidDefaultArgInFrom", kWarning, true, false,
     "Default value for global ARG results in an empty or invalid base image name",
     "the Dockerfile cannot be built without a build argument"},
    {"FromPlatformFlagConstDisallowed", kWarning, true, false,
     "FROM --platform flag should not use a constant value",
     "a multi-platform build would get this platform's programs in every image"},
    {"CopyIgnoredFile", kWarning, true, false, "Attempting to Copy file that is excluded by .dockerignore",
     "the file is not in the context, so the step fails"},
    {"InvalidDefinitionDescription", kWarning, true, true,
     "Comment for build stage or argument should follow the format: `# <arg/stage name> <description>`. If "
     "this is not intended to be a description comment, add an empty line or comment between the instruction "
     "and the comment.",
     "tools show such comments as descriptions of arguments and targets"},
    {"ExposeProtoCasing", kWarning, true, false, "Protocol in EXPOSE instruction should be lowercase",
     "some readers of the image config compare it byte by byte"},
    {"ExposeInvalidFormat", kWarning, true, false,
     "IP address and host-port mapping should not be used in EXPOSE instruction. This will become an error "
     "in "
     "a future release",
     "EXPOSE names ports of the container; where they appear on the host is said when it is run"},

    {kRecipeError, kError, false, false, "The recipe cannot be read or planned", "it cannot be built"},
    {"MissingIgnoreFile", kWarning, false, false, "A context that is copied whole has no ignore file",
     "everything in the folder is sent and copied, and any change to it invalidates the step"},
    {"UnneededFilesInContext", kWarning, false, false,
     "The context holds version control, environments, installed packages or caches",
     "they are hashed, sent and usually copied into the image, and change all the time"},
    {"SecretsInContext", kWarning, false, false, "The context holds files that look like secrets",
     "a COPY of their folder puts them into a layer for everyone who can pull the image"},
    {"SourcesBeforeDependencies", kWarning, false, false,
     "Sources are copied before dependencies are installed",
     "every change to any source file installs all dependencies again"},
    {"RunsAsRoot", kWarning, false, false, "The image's program runs as root",
     "whoever breaks into the program is root in the container"},
    {"CompilersInFinalStage", kWarning, false, false, "Compilers stay in the final image",
     "they are needed to build, not to run; a second stage leaves them behind"},
    {"AptListsInLayer", kWarning, false, false, "Package lists of apt stay in a layer",
     "they are of no use in the image, and make its layer differ from day to day"},
    {"PipCacheInLayer", kWarning, false, false, "pip's cache stays in a layer",
     "the layer holds every downloaded package a second time"},
    {"ApkCacheInLayer", kInfo, false, false, "apk's index stays in a layer",
     "it is of no use in the image, and makes its layer differ from day to day"},
    {"NpmCacheInLayer", kInfo, false, false, "npm's cache stays in a layer",
     "the layer holds every downloaded package a second time"},
    {"DnfCacheInLayer", kWarning, false, false, "The cache of dnf or yum stays in a layer",
     "metadata and packages of the repositories are of no use in the image"},
    {"AptInstallWithoutYes", kWarning, false, false, "apt-get install without -y",
     "it asks for confirmation, which nobody can give in a build, and ends with an error"},
    {"AptRecommendsInstalled", kInfo, false, false, "apt-get install with recommended packages",
     "apt also installs what packages merely recommend"},
    {"AptUpdateAlone", kWarning, false, false, "apt-get update in a RUN of its own",
     "the step is cached: a later install uses package lists from whenever it last ran"},
    {"VirtualEnvironmentInImage", kInfo, false, false, "A virtual environment inside a Python image",
     "the image isolates already; the environment adds a second pip and a PATH to keep right"},
    {"UnpinnedBase", kWarning, false, false, "The base image has no tag, or the tag latest",
     "the next build may start from another release"},
    {"BaseWithoutDigest", kInfo, false, false, "The base image is named by tag only",
     "publishers move tags; a digest names the same bytes for ever"},
    {"HardcodedSecret", kWarning, false, false, "The Dockerfile holds a value that looks like a secret",
     "it is readable in the Dockerfile and in the image's history"},
    {"AutomaticArgDefault", kWarning, false, false, "A default hides the value of an automatic argument",
     "the default wins over what the builder knows, so every platform of the build gets the same value"},
    {"UndeclaredAutomaticArg", kWarning, false, false,
     "A script uses an automatic argument that the stage does not declare",
     "a stage sees TARGETARCH and its kin only after ARG names them in it; until then they are empty"},
    {"LinkedCopyResetsFolder", kWarning, false, false,
     "COPY --link onto a folder that exists with another mode",
     "a linked layer is made as on an empty root: the folders on the way to the destination get a new "
     "mode and owner"},
    {"NoMuslWheel", kWarning, false, false, "A Python package has no wheel for musl",
     "on Alpine pip compiles it from source, or finds nothing to install at all"},
    {"MissingHealthcheck", kInfo, false, false, "A service with EXPOSE has no HEALTHCHECK",
     "nothing notices when the program hangs but does not end"},
    {"AddInsteadOfCopy", kInfo, false, false, "ADD where COPY suffices",
     "ADD also unpacks archives and fetches URLs, so a reader has to wonder which is meant"},
    {"PipeWithoutPipefail", kWarning, false, false, "A download is piped without pipefail",
     "the step counts as done when the download fails, because only the last program's exit code is looked "
     "at"},
    {"CdInRun", kInfo, false, false, "cd where WORKDIR is meant",
     "the change of directory ends with the step"},
};

}  // namespace

std::string_view Word(Severity severity) {
  switch (severity) {
    case Severity::kInfo:
      return "info";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      return "error";
  }
  return "";
}

absl::Span<const Rule> Rules() { return kRules; }

const Rule* FindRule(std::string_view id) {
  const auto found =
      std::find_if(std::begin(kRules), std::end(kRules), [&](const Rule& rule) { return rule.id == id; });
  return found == std::end(kRules) ? nullptr : &*found;
}

}  // namespace crossmill::check

#include "coordinator/buildkit/solve/recipe_reader.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/context/recipe_files.h"
#include "common/fetch/archive.h"
#include "common/fetch/git_reference.h"
#include "coordinator/buildkit/files/context_tree.h"
#include "coordinator/buildkit/policy/policy_choice.h"
#include "coordinator/buildkit/session/client_layout.h"
#include "coordinator/buildkit/session/client_upload.h"
#include "coordinator/buildkit/solve/solve_errors.h"
#include "coordinator/buildkit/solve/sources/git_context.h"
#include "coordinator/buildkit/solve/sources/http_source.h"
#include "coordinator/submissions/context_files.h"

namespace crossmill::coordinator::buildkit {
namespace {

using Kind = NamedSource::Kind;

// The name that BuildKit gives to a downloaded Dockerfile.
constexpr std::string_view kDownloadName = "context";

bool IsRemote(const NamedSource& source) { return source.kind != Kind::kLocal; }

// Reads a blob from its beginning on.
layer::Source SourceOfBlob(std::shared_ptr<BlobReader> reader) {
  return [reader](char* buffer, size_t size) { return reader->Read(buffer, size); };
}

// Whether a FROM or a from= may mean the name: it is there, or a variable may become it.
bool MayMean(const std::string& dockerfile, const NamedSource& source) {
  const std::string name = source.name.substr(0, source.name.find("::"));
  const std::string text = absl::AsciiStrToLower(dockerfile);
  // "docker.io/library/alpine:latest" is alpine, too.
  const size_t slash = name.rfind('/');
  std::string last = slash == std::string::npos ? name : name.substr(slash + 1);
  last.resize(std::min(last.size(), last.find_first_of(":@")));
  if (text.find(last) != std::string::npos) return true;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (Sv(line).find('$') == std::string_view::npos) continue;
    if (Sv(line).find("from") != std::string_view::npos) return true;
  }
  return false;
}

// A vertex around a piece of work.
template <typename Work>
auto InVertex(StatusBoard& board, const std::string& name, const Work& work) {
  const std::shared_ptr<ProgressVertex> vertex = board.Begin(name);
  auto result = work(*vertex);
  const absl::Status status = [&] {
    if constexpr (std::is_same_v<decltype(result), absl::Status>) {
      return result;
    } else {
      return result.status();
    }
  }();
  if (status.ok()) {
    vertex->End();
  } else {
    vertex->Fail(absl::IsCancelled(status) ? std::string_view(kCancelledText) : Sv(status.message()));
  }
  return result;
}

}  // namespace

std::vector<std::string> ExcludePatterns(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::vector<std::string> patterns;
  for (const absl::string_view line : absl::StrSplit(Av(text), '\n')) {
    if (Sv(line).starts_with("#")) continue;
    std::string_view pattern = Sv(absl::StripAsciiWhitespace(line));
    if (pattern.empty()) continue;
    const bool inverted = pattern.starts_with("!");
    if (inverted) pattern = Sv(absl::StripAsciiWhitespace(Av(pattern.substr(1))));
    const std::string clean = FilterPath(pattern);
    if (clean.empty() && pattern != "." && pattern != "/") continue;
    patterns.push_back((inverted ? "!" : "") + (clean.empty() ? std::string(".") : clean));
  }
  return patterns;
}

absl::StatusOr<std::shared_ptr<ClientSession>> RecipeReader::SessionOf(const std::string& folder) {
  if (!folder.empty()) RETURN_IF_ERROR(CheckSource(policy_, "local://" + folder));
  const auto own = attributes_.folder_sessions.find(folder);
  const std::string& id = own == attributes_.folder_sessions.end() ? build_.request().session() : own->second;
  return services_.sessions.Wait(id, build_.caller().key, kSessionPatience, stop_);
}

// ---- the Dockerfile ----

absl::Status RecipeReader::ReadDefinition(v1::Recipe* recipe) {
  const NamedSource& context = attributes_.context;
  const bool from_input = inputs_.contains("context") && context.kind == Kind::kLocal;
  if (IsRemote(context) || from_input) {
    NamedSource source = context;
    if (from_input) source = {.name = "", .kind = Kind::kInput, .value = "context"};
    ASSIGN_OR_RETURN(fetched_, InVertex(build_.board(), "[internal] load remote build context",
                                        [&](ProgressVertex& vertex) { return Fetch(source, vertex); }));
    if (fetched_->time) recipe->set_context_time(*fetched_->time);
    recipe->set_context_commit(fetched_->commit);
    if (source.kind == Kind::kGit || source.kind == Kind::kHttp)
      recipe->set_context_origin(fetch::OriginOfUrl(fetched_->url));
  }
  const std::shared_ptr<ProgressVertex> vertex =
      build_.board().Begin(fmt::format("[internal] load build definition from {}", attributes_.file));
  definition_vertex_ = vertex->digest();
  const bool of_client = !fetched_ || attributes_.file_is_local;
  absl::Status read = of_client ? ReadClientDefinition(recipe, *vertex) : ReadTreeDefinition(recipe);
  if (read.ok()) {
    const std::string syntax = SyntaxOf(recipe->dockerfile());
    if (!syntax.empty()) read = CheckFrontendImage(syntax);
  }
  if (!read.ok()) {
    vertex->Fail(Sv(read.message()));
    return read;
  }
  vertex->End();
  if (!of_client || fetched_) return absl::OkStatus();
  return InVertex(build_.board(), "[internal] load .dockerignore", [&](ProgressVertex& ignore) {
    const absl::Status status = ReadIgnoreFile(recipe);
    ignore.Status("transferring context:", static_cast<int64_t>(recipe->ignore_file().size()), 0, true);
    return status;
  });
}

absl::Status RecipeReader::ReadClientDefinition(v1::Recipe* recipe, ProgressVertex& vertex) {
  recipe->set_dockerfile_name(attributes_.file);
  if (inputs_.contains("dockerfile")) {
    ASSIGN_OR_RETURN(const FetchedContext input, FetchInput("dockerfile", vertex));
    if (input.file) {
      recipe->set_dockerfile(*input.file);
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(*recipe->mutable_dockerfile(),
                     ReadTreeFile(services_.blobs, *input.tree, attributes_.file, context::kMaxDockerfile));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::shared_ptr<ClientSession> session, SessionOf(attributes_.file_folder));
  const std::string& file = attributes_.file;
  // As clients expect it: a file system that knows no case may have it as "dockerfile".
  const std::vector<std::string> wanted = {file, file + ".dockerignore", "dockerfile"};
  ASSIGN_OR_RETURN(
      beside_, ReadClientFiles(*session, attributes_.file_folder, wanted, context::kMaxDockerfile, stop_));
  auto found = beside_.find(file);
  if (found == beside_.end() && file == "Dockerfile") found = beside_.find("dockerfile");
  if (found == beside_.end())
    return absl::NotFoundError(
        fmt::format("failed to read dockerfile: open {}: no such file or directory", Printable(file)));
  recipe->set_dockerfile(found->second);
  vertex.Status("transferring dockerfile:", static_cast<int64_t>(found->second.size()), 0, true);
  origin_ = session->shared_key();
  if (recipe->context_origin().empty() && !origin_.empty())
    recipe->set_context_origin(ValidUtf8("buildx:" + origin_));
  return absl::OkStatus();
}

absl::Status RecipeReader::ReadTreeDefinition(v1::Recipe* recipe) {
  if (fetched_->file) {
    recipe->set_dockerfile(*fetched_->file);
    recipe->set_dockerfile_name("Dockerfile");
    return absl::OkStatus();
  }
  recipe->set_dockerfile_name(attributes_.file);
  auto text = ReadTreeFile(services_.blobs, *fetched_->tree, attributes_.file, context::kMaxDockerfile);
  if (absl::IsNotFound(text.status()) && attributes_.file == "Dockerfile") {
    text = ReadTreeFile(services_.blobs, *fetched_->tree, "dockerfile", context::kMaxDockerfile);
    recipe->set_dockerfile_name("dockerfile");
  }
  if (!text.ok()) return Annotate(text.status(), "failed to read dockerfile");
  recipe->set_dockerfile(*std::move(text));
  return absl::OkStatus();
}

absl::Status RecipeReader::ReadIgnoreFile(v1::Recipe* recipe) {
  std::string name = attributes_.file + ".dockerignore";
  auto found = beside_.find(name);
  std::map<std::string, std::string> files;
  if (found == beside_.end()) {
    name = ".dockerignore";
    ASSIGN_OR_RETURN(const std::shared_ptr<ClientSession> session, SessionOf(attributes_.context.value));
    ASSIGN_OR_RETURN(
        files, ReadClientFiles(*session, attributes_.context.value, {name}, context::kMaxDockerfile, stop_));
    found = files.find(name);
    if (found == files.end()) return absl::OkStatus();
  }
  recipe->set_ignore_file(found->second);
  recipe->set_ignore_file_name(name);
  const auto rules = pattern::IgnoreRules::Parse(found->second);
  return rules.ok() ? absl::OkStatus() : Annotate(rules.status(), name);
}

// ---- contexts from elsewhere ----

absl::StatusOr<RecipeReader::FetchedContext> RecipeReader::Fetch(const NamedSource& source,
                                                                 ProgressVertex& vertex) {
  switch (source.kind) {
    case Kind::kGit:
      return FetchGit(source.value, vertex);
    case Kind::kHttp:
      return FetchHttp(source.value, vertex);
    case Kind::kUpload:
      return FetchUpload(source.value, vertex);
    case Kind::kInput:
      return FetchInput(source.value, vertex);
    default:
      return absl::UnimplementedError(
          "the context is an image: give a folder, a git URL or an http(s) URL, and the image by "
          "--build-context");
  }
}

absl::StatusOr<RecipeReader::FetchedContext> RecipeReader::FetchGit(
    const std::string& url, ProgressVertex& vertex, const std::map<std::string, std::string>& attributes) {
  const auto progress = [&](int64_t done, int64_t total) { vertex.Status("receiving", done, total, false); };
  const auto keep = std::find_if(
      attributes_.recipe.build_arguments().begin(), attributes_.recipe.build_arguments().end(),
      [](const v1::BuildArgument& each) { return each.name() == "BUILDKIT_CONTEXT_KEEP_GIT_DIR"; });
  const bool keep_git_dir =
      keep != attributes_.recipe.build_arguments().end() && (keep->value() == "1" || keep->value() == "true");
  GitWish wish = WishOf({.kind = RawSource::Kind::kGit, .url = url, .attributes = attributes});
  ASSIGN_OR_RETURN(const ChosenRepository chosen,
                   ChooseRepository(policy_, {url, wish.checksum, keep_git_dir || wish.keep_git_dir}));
  if (chosen.url != url)
    vertex.Log(1, fmt::format("source policy: {} is taken\n", fetch::WithoutCredentials(chosen.url)));
  wish.url = chosen.url;
  wish.checksum = chosen.checksum;
  wish.keep_git_dir = chosen.keep_git_dir;
  ASSIGN_OR_RETURN(const GitContext git, FetchGitContext(services_, build_, wish, progress, stop_));
  FetchedContext fetched;
  fetched.url = chosen.url;
  fetched.tree = git.root;
  fetched.commit = git.commit;
  fetched.time = git.time;
  return fetched;
}

absl::StatusOr<RecipeReader::Download> RecipeReader::FetchUrl(
    const std::string& url, ProgressVertex& vertex, const std::map<std::string, std::string>& attributes) {
  const auto progress = [&](int64_t done, int64_t total) {
    vertex.Status("downloading", done, total, false);
  };
  const auto checksum = attributes.find("http.checksum");
  ASSIGN_OR_RETURN(
      const ChosenFile chosen,
      ChooseFile(policy_, {url, checksum == attributes.end() ? "" : checksum->second}, kDownloadName));
  if (chosen.url != url)
    vertex.Log(1, fmt::format("source policy: {} is taken\n", fetch::WithoutCredentials(chosen.url)));
  const auto header = attributes.find("http.authheadersecret");
  const FileWish wish{.url = chosen.url,
                      .checksum = chosen.checksum,
                      .header_secret = header == attributes.end() ? "" : header->second};
  ASSIGN_OR_RETURN(RemoteSources::File file, FetchClientFile(services_, build_, wish, progress, stop_));
  return Download{chosen.url, std::move(file)};
}

absl::StatusOr<RecipeReader::FetchedContext> RecipeReader::FetchHttp(
    const std::string& url, ProgressVertex& vertex, const std::map<std::string, std::string>& attributes) {
  ASSIGN_OR_RETURN(const Download download, FetchUrl(url, vertex, attributes));
  ASSIGN_OR_RETURN(std::unique_ptr<BlobReader> reader, services_.blobs.Open(download.file.digest, 0));
  ASSIGN_OR_RETURN(FetchedContext fetched,
                   TakeStream(SourceOfBlob(std::move(reader)), fetch::WithoutCredentials(download.url)));
  fetched.url = download.url;
  if (download.file.mtime != 0) fetched.time = download.file.mtime;
  // As BuildKit has it: the download is also the context's only file.
  if (fetched.file) {
    ASSIGN_OR_RETURN(fetched.tree, TreeOfFile(services_.blobs, kDownloadName, download.file.digest));
  }
  return fetched;
}

// As BuildKit has it: beside the context itself a download is a file, whatever is in it.
absl::StatusOr<RecipeReader::FetchedContext> RecipeReader::FetchNamedUrl(const std::string& url,
                                                                         ProgressVertex& vertex) {
  ASSIGN_OR_RETURN(const Download download, FetchUrl(url, vertex, {}));
  FetchedContext fetched;
  fetched.url = download.url;
  if (download.file.mtime != 0) fetched.time = download.file.mtime;
  ASSIGN_OR_RETURN(fetched.tree, TreeOfFile(services_.blobs, kDownloadName, download.file.digest));
  return fetched;
}

absl::StatusOr<RecipeReader::FetchedContext> RecipeReader::FetchUpload(const std::string& id,
                                                                       ProgressVertex& vertex) {
  RETURN_IF_ERROR(CheckSource(policy_, "http://buildkit-session/" + id));
  ASSIGN_OR_RETURN(const std::shared_ptr<ClientSession> session, SessionOf(""));
  ASSIGN_OR_RETURN(const layer::Source stream, OpenClientUpload(session, id, stop_));
  int64_t bytes = 0;
  const layer::Source counted = [&](char* buffer, size_t size) -> absl::StatusOr<size_t> {
    ASSIGN_OR_RETURN(const size_t count, stream(buffer, size));
    bytes += static_cast<int64_t>(count);
    vertex.Status("transferring context:", bytes, 0, count == 0);
    return count;
  };
  return TakeStream(counted, "the context on the client's standard input");
}

absl::StatusOr<RecipeReader::FetchedContext> RecipeReader::FetchInput(const std::string& key,
                                                                      ProgressVertex& vertex) {
  const auto found = inputs_.find(key);
  if (found == inputs_.end())
    return absl::InvalidArgumentError(fmt::format("input {} did not come with the request", Printable(key)));
  ASSIGN_OR_RETURN(const RawSource source, ReadRawSource(found->second));
  if (source.kind == RawSource::Kind::kGit) return FetchGit(source.url, vertex, source.attributes);
  return FetchHttp(source.url, vertex, source.attributes);
}

absl::StatusOr<RecipeReader::FetchedContext> RecipeReader::TakeStream(const layer::Source& stream,
                                                                      std::string_view what) {
  auto head = std::make_shared<std::string>();
  while (head->size() < fetch::kArchiveHead) {
    char buffer[fetch::kArchiveHead];
    ASSIGN_OR_RETURN(const size_t count, stream(buffer, fetch::kArchiveHead - head->size()));
    if (count == 0) break;
    head->append(buffer, count);
  }
  FetchedContext fetched;
  if (!fetch::IsArchive(*head)) {
    std::string text = *head;
    char buffer[16 << 10];
    while (text.size() <= context::kMaxDockerfile) {
      ASSIGN_OR_RETURN(const size_t count, stream(buffer, sizeof(buffer)));
      if (count == 0) break;
      text.append(buffer, count);
    }
    if (text.size() > context::kMaxDockerfile)
      return absl::InvalidArgumentError(
          fmt::format("{}: it is no archive, and too large for a Dockerfile", what));
    fetched.file = std::move(text);
    ASSIGN_OR_RETURN(fetched.tree, EmptyTree(services_.blobs));
    return fetched;
  }
  // The bytes that told the type come first.
  const layer::Source whole = [stream, head](char* buffer, size_t size) -> absl::StatusOr<size_t> {
    if (head->empty()) return stream(buffer, size);
    const size_t count = head->copy(buffer, size);
    head->erase(0, count);
    return count;
  };
  auto unpacked = services_.archives.Unpack(whole, stop_);
  if (!unpacked.ok()) return Annotate(unpacked.status(), what);
  ContextFiles files;
  files.folder = unpacked->folder;
  files.keep_times = attributes_.options.keep_times();
  files.dockerfile = "";
  v1::Recipe taken;
  std::vector<std::string> notes;
  RETURN_IF_ERROR(TakeContext(files, services_.blobs, services_.clock, stop_, &taken, &notes));
  fetched.tree = FromProto(taken.context_root());
  return fetched;
}

// ---- named contexts ----

absl::Status RecipeReader::ReadNamed(v1::Recipe* recipe) {
  for (const NamedSource& source : attributes_.named) {
    if (!MayMean(recipe->dockerfile(), source)) continue;
    v1::NamedContext context;
    context.set_name(source.name);
    bool left_out = false;
    RETURN_IF_ERROR(ReadOneNamed(source, &context, &left_out));
    if (!left_out) *recipe->add_contexts() = std::move(context);
  }
  return absl::OkStatus();
}

absl::Status RecipeReader::ReadOneNamed(const NamedSource& source, v1::NamedContext* context,
                                        bool* left_out) {
  *left_out = false;
  context->set_origin(ValidUtf8(fetch::WithoutCredentials(source.value)));
  switch (source.kind) {
    case Kind::kImage:
      context->set_image(source.value);
      return absl::OkStatus();
    case Kind::kLocal:
      return ReadNamedFolder(source, context);
    case Kind::kInput:
      if (const auto found = inputs_.find(source.value); found != inputs_.end() && IdOfToken(found->second))
        return TakeResult(source, context);
      break;
    case Kind::kLayout:
      return ReadLayout(source, context);
    default:
      break;
  }
  ASSIGN_OR_RETURN(
      const FetchedContext fetched,
      InVertex(build_.board(), fmt::format("[context {}] load", source.name), [&](ProgressVertex& vertex) {
        return source.kind == Kind::kHttp ? FetchNamedUrl(source.value, vertex) : Fetch(source, vertex);
      }));
  ToProto(*fetched.tree, context->mutable_tree());
  if (fetched.time) context->set_time(*fetched.time);
  return absl::OkStatus();
}

absl::Status RecipeReader::ReadNamedFolder(const NamedSource& source, v1::NamedContext* context) {
  ASSIGN_OR_RETURN(const std::shared_ptr<ClientSession> session, SessionOf(source.value));
  const std::string label = source.name.substr(0, source.name.find("::"));
  RETURN_IF_ERROR(InVertex(build_.board(), fmt::format("[context {}] load .dockerignore", label),
                           [&](ProgressVertex&) -> absl::Status {
                             ASSIGN_OR_RETURN(const auto files,
                                              ReadClientFiles(*session, source.value, {".dockerignore"},
                                                              context::kMaxDockerfile, stop_));
                             if (const auto found = files.find(".dockerignore"); found != files.end()) {
                               context->set_ignore_file(found->second);
                               context->set_ignore_file_name(".dockerignore");
                             }
                             return absl::OkStatus();
                           }));
  NeededPaths all;
  all.all = true;
  ASSIGN_OR_RETURN(const ClientFolder folder,
                   InVertex(build_.board(), fmt::format("[context {}] load from client", label),
                            [&](ProgressVertex& vertex) {
                              return ReadFolder(source.value, all, context->ignore_file(), vertex);
                            }));
  ToProto(folder.root, context->mutable_tree());
  return absl::OkStatus();
}

absl::Status RecipeReader::ReadLayout(const NamedSource& source, v1::NamedContext* context) {
  ASSIGN_OR_RETURN(const std::shared_ptr<ClientSession> session, SessionOf(""));
  RETURN_IF_ERROR(CheckSource(policy_, fmt::format("oci-layout://{}@{}", source.value, source.digest)));
  LayoutRequest request;
  request.store = "oci:" + source.value;
  request.digest = source.digest;
  const auto& platforms = attributes_.options.platforms();
  request.platforms.assign(platforms.begin(), platforms.end());
  const std::string label = source.name.substr(0, source.name.find("::"));
  ASSIGN_OR_RETURN(
      const Digest root,
      InVertex(build_.board(), fmt::format("[context {}] OCI load from client", label), [&](ProgressVertex&) {
        return FetchClientLayout(*session, request, services_.blobs, stop_);
      }));
  ToProto(root, context->mutable_image_root());
  return absl::OkStatus();
}

// A result of another build of the client stands for an image.
absl::Status RecipeReader::TakeResult(const NamedSource& source, v1::NamedContext* context) {
  const std::string id = *IdOfToken(inputs_.at(source.value));
  const std::shared_ptr<ClientResult> result = builds_.FindResult(build_.caller().key, id);
  if (result == nullptr || result->built == nullptr) {
    return absl::NotFoundError(
        fmt::format("--build-context {}: the build that it is a result of has ended; build them together",
                    Printable(source.name)));
  }
  const BuiltImage& image = result->built->image;
  Digest root = image.root;
  for (const BuiltPlatform& each : image.platforms) {
    if (result->platform && each.platform.SerializeAsString() == result->platform->SerializeAsString())
      root = each.manifest;
  }
  context->set_origin(fmt::format("build {}", image.build));
  ToProto(root, context->mutable_image_root());
  return absl::OkStatus();
}

// ---- the context ----

absl::StatusOr<ClientFolder> RecipeReader::ReadFolder(const std::string& folder, const NeededPaths& needed,
                                                      const std::string& ignore_file,
                                                      ProgressVertex& vertex) {
  ASSIGN_OR_RETURN(const std::shared_ptr<ClientSession> session, SessionOf(folder));
  FolderRequest request;
  request.dir_name = folder;
  if (!needed.all) request.follow_paths.assign(needed.paths.begin(), needed.paths.end());
  request.exclude_patterns = ExcludePatterns(ignore_file);
  request.keep_times = attributes_.options.keep_times();
  request.limits = services_.folder_limits;
  const auto told = [&](const FolderProgress& progress) {
    vertex.Status("transferring context:", progress.bytes, 0, false);
  };
  ASSIGN_OR_RETURN(ClientFolder read,
                   ReadClientFolder(*session, request, services_.blobs, &services_.folders, told, stop_));
  vertex.Status("transferring context:", read.sent_bytes, 0, true);
  for (const std::string& note : read.notes) vertex.Log(2, note + "\n");
  return read;
}

absl::Status RecipeReader::ReadContext(const RecipePreview& preview, v1::Recipe* recipe) {
  Digest root;
  const auto needed = preview.contexts.find("");
  if (fetched_) {
    root = *fetched_->tree;
  } else if (needed == preview.contexts.end()) {
    // Nothing is copied from it.
    ASSIGN_OR_RETURN(root, EmptyTree(services_.blobs));
  } else {
    ASSIGN_OR_RETURN(const ClientFolder folder,
                     InVertex(build_.board(), "[internal] load build context", [&](ProgressVertex& vertex) {
                       return ReadFolder(attributes_.context.value, needed->second, recipe->ignore_file(),
                                         vertex);
                     }));
    root = folder.root;
  }
  if (!attributes_.context_folder.empty()) {
    ASSIGN_OR_RETURN(const TreeEntry inner, FindInTree(services_.blobs, root, attributes_.context_folder));
    if (inner.kind != TreeEntry::Kind::kFolder)
      return absl::InvalidArgumentError(
          fmt::format("contextsubdir {} is no folder", Printable(attributes_.context_folder)));
    root = inner.digest;
  }
  ToProto(root, recipe->mutable_context_root());
  return absl::OkStatus();
}

}  // namespace crossmill::coordinator::buildkit

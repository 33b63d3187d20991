#include "coordinator/buildkit/files/client_folders.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "common/base/status.h"
#include "common/context/directory_nodes.h"
#include "coordinator/buildkit/files/blob_intake.h"
#include "coordinator/buildkit/files/file_sync_call.h"
#include "coordinator/buildkit/files/folder_memory.h"
#include "coordinator/buildkit/files/folder_transfer.h"
#include "coordinator/buildkit/files/sent_tree.h"

namespace crossmill::coordinator::buildkit {
namespace {

// A content that is larger is written as it comes.
constexpr size_t kMostContentInMemory = 256 << 10;
// Files of before that the store is asked for together.
constexpr size_t kAskedTogether = 2'000;
// Messages that the store gets together.
constexpr size_t kMostMessages = 2'000;
constexpr size_t kMostMessageBytes = 16 << 20;

// What makes a folder the same folder as in an earlier build. Empty: that cannot be said.
std::string MemoryName(const ClientSession& session, const FolderRequest& request) {
  if (session.shared_key().empty()) return "";
  Sha256 sha;
  const auto add = [&sha](std::string_view text) { sha.Update(fmt::format("{} {}", text.size(), text)); };
  add(session.owner());
  add(session.shared_key());
  add(request.dir_name);
  for (const auto* patterns : {&request.follow_paths, &request.include_patterns, &request.exclude_patterns}) {
    add(std::to_string(patterns->size()));
    for (const std::string& pattern : *patterns) add(pattern);
  }
  return sha.Finish().hash;
}

// One reading of a folder.
class FolderReading {
 public:
  FolderReading(FileSyncCall& call, const FolderRequest& request, BlobStore& blobs, BlobIntake& intake,
                std::shared_ptr<const KnownFiles> known)
      : blobs_(blobs),
        intake_(intake),
        known_(std::move(known)),
        transfer_(call, request.limits, kMostContentInMemory, &blobs) {}

  absl::Status Run(const std::function<void(const FolderProgress&)>& told) {
    FolderTransfer::Wishes wishes;
    wishes.on_file = [this](uint32_t number) { return IsNew(number); };
    wishes.on_listed = [this] { return AskStore(); };
    wishes.on_content = [this](uint32_t number, FolderTransfer::Content content) {
      return content.written ? intake_.Take(number, std::move(content.written))
                             : intake_.Take(number, std::move(content.bytes));
    };
    wishes.told = told;
    RETURN_IF_ERROR(transfer_.Run(wishes));
    ASSIGN_OR_RETURN(const auto hashes, intake_.Finish());
    for (const auto& [number, hash] : hashes) tree().SetHash(number, hash);
    const context::RawSha256 empty = context::RawOf(DigestOf("").hash);
    for (uint32_t number = 0; number < tree().size(); ++number) {
      if (tree().at(number).kind == SentEntry::Kind::kFile && tree().at(number).size == 0)
        tree().SetHash(number, empty);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<Digest> Build(bool keep_times) {
    std::vector<std::pair<Digest, std::string>> messages;
    size_t bytes = 0;
    const auto put = [&] {
      const absl::Status stored = blobs_.Put(messages);
      messages.clear();
      bytes = 0;
      return stored;
    };
    ASSIGN_OR_RETURN(Digest root, tree().Build(keep_times, [&](Digest digest, std::string message) {
      bytes += message.size();
      messages.emplace_back(std::move(digest), std::move(message));
      return messages.size() < kMostMessages && bytes < kMostMessageBytes ? absl::OkStatus() : put();
    }));
    RETURN_IF_ERROR(put());
    return root;
  }

  std::shared_ptr<const KnownFiles> Remember(FolderMemory& memory) {
    auto files = std::make_shared<KnownFiles>();
    for (uint32_t number = 0; number < tree().size(); ++number) {
      const SentEntry& entry = tree().at(number);
      if (entry.kind == SentEntry::Kind::kFile && entry.size > 0 && memory.MayBeKnown(entry.mtime_nanos))
        files->Add(FactsOf(entry, tree().PathOf(number)), entry.hash);
    }
    return files;
  }

  SentTree& tree() { return transfer_.tree(); }
  const FolderProgress& sent() const { return transfer_.sent(); }

 private:
  static KnownFiles::Facts FactsOf(const SentEntry& entry, std::string_view path) {
    return {path, entry.size, entry.mtime_nanos, entry.mode};
  }

  absl::StatusOr<bool> IsNew(uint32_t number) {
    const SentEntry& entry = tree().at(number);
    const context::RawSha256* const hash =
        known_ == nullptr ? nullptr : known_->Find(FactsOf(entry, tree().PathOf(number)));
    if (hash == nullptr) return true;
    tree().SetHash(number, *hash);
    unasked_.push_back(number);
    if (unasked_.size() >= kAskedTogether) RETURN_IF_ERROR(AskStore());
    return false;
  }

  // What the store has lost since is sent again.
  absl::Status AskStore() {
    if (unasked_.empty()) return absl::OkStatus();
    std::vector<Digest> digests;
    for (const uint32_t number : unasked_)
      digests.push_back({context::HexOf(tree().at(number).hash), tree().at(number).size});
    ASSIGN_OR_RETURN(const std::vector<Digest> missing, blobs_.FindMissing(digests));
    const absl::flat_hash_set<Digest> lost(missing.begin(), missing.end());
    for (size_t i = 0; i < unasked_.size(); ++i) {
      if (lost.contains(digests[i])) transfer_.Want(unasked_[i]);
    }
    unasked_.clear();
    return absl::OkStatus();
  }

  BlobStore& blobs_;
  BlobIntake& intake_;
  const std::shared_ptr<const KnownFiles> known_;
  FolderTransfer transfer_;
  // Known from before; whether the store still has them is not.
  std::vector<uint32_t> unasked_;
};

}  // namespace

absl::StatusOr<ClientFolder> ReadClientFolder(ClientSession& session, const FolderRequest& request,
                                              BlobStore& blobs, FolderMemory* memory,
                                              const std::function<void(const FolderProgress&)>& told,
                                              std::stop_token stop) {
  const std::string name = memory == nullptr ? "" : MemoryName(session, request);
  FileSyncCall call(session, request.limits.patience, std::move(stop));
  RETURN_IF_ERROR(call.Start(request));
  ASSIGN_OR_RETURN(const std::unique_ptr<BlobIntake> intake, BlobIntake::Start(blobs));
  FolderReading reading(call, request, blobs, *intake, name.empty() ? nullptr : memory->Find(name));
  RETURN_IF_ERROR(reading.Run(told));
  ClientFolder folder;
  ASSIGN_OR_RETURN(folder.root, reading.Build(request.keep_times));
  if (!name.empty()) memory->Keep(name, reading.Remember(*memory));
  folder.files = reading.tree().files();
  folder.bytes = reading.tree().bytes();
  folder.sent_files = reading.sent().files;
  folder.sent_bytes = reading.sent().bytes;
  folder.notes = reading.tree().TakeNotes();
  return folder;
}

}  // namespace crossmill::coordinator::buildkit

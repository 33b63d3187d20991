#include "common/rpc/upload_buffer.h"

#include <utility>

#include "common/base/status.h"

namespace crossmill::rpc {

absl::Status UploadBuffer::Append(std::string_view bytes) {
  if (in_memory() && memory_.size() + bytes.size() <= memory_limit_) {
    memory_.append(bytes);
    return absl::OkStatus();
  }
  if (in_memory()) {
    ASSIGN_OR_RETURN(NamelessFile file, NamelessFile::Create(folder_));
    RETURN_IF_ERROR(Annotate(file.Append(memory_), "keeping an upload"));
    file_ = std::move(file);
    memory_ = std::string();
  }
  return Annotate(file_->Append(bytes), "keeping an upload");
}

absl::StatusOr<size_t> UploadBuffer::ReadAt(int64_t offset, char* buffer, size_t size) const {
  if (file_) return file_->ReadAt(offset, buffer, size);
  if (offset >= static_cast<int64_t>(memory_.size())) return 0;
  return memory_.copy(buffer, size, static_cast<size_t>(offset));
}

absl::StatusOr<std::string> UploadBuffer::TakeMemory() {
  if (!in_memory()) return absl::FailedPreconditionError("the upload is in a file");
  return std::exchange(memory_, {});
}

}  // namespace crossmill::rpc

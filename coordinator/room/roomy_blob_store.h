// A blob store that takes nothing while its disk has no room for it (disk_room.h). What is there can be read
// and found as ever.
#pragma once

#include <memory>

#include "common/base/blob_store.h"
#include "coordinator/room/disk_room.h"

namespace crossmill::coordinator {

// The references outlive it. Create, Put and what a writer is given fail with RESOURCE_EXHAUSTED and a
// sentence for people.
std::unique_ptr<BlobStore> MakeRoomyBlobStore(BlobStore& blobs, DiskRoom& room, RoomFor use);

}  // namespace crossmill::coordinator

// SQLite's writes on a full disk: what would end a transaction is tried again with the room that is kept for
// it (common/base/room/spare_room.h). A transaction that SQLite has given up cannot be repeated: what its
// batch changed in memory is ahead of the record by then.
#pragma once

namespace crossmill::storage {

// For the whole process, once; before a database is opened.
void UseSpareRoomForSqlite();

}  // namespace crossmill::storage

// Errors of the database.
#include <iterator>

#include "protocol/message_areas.h"

namespace taxgate {

const Message kStoreMessages[] = {
    {"store.corrupt", "The database is damaged ({wanted}).", "数据库已损坏({wanted})。",
     "Restore the latest backup; nothing was overwritten.", "请恢复最近的备份;未覆盖任何数据。"},
};
const std::size_t kStoreMessageCount = std::size(kStoreMessages);

}  // namespace taxgate

// Errors and states of tax keys and of the key host.
#include <iterator>

#include "protocol/message_areas.h"

namespace taxgate {

const Message kKeysMessages[] = {
    {"key.none", "No tax key of taxpayer {wanted} is connected.", "未连接纳税人 {wanted} 的税务介质。",
     "Insert the key; accepted work waits and continues by itself.", "请插入介质;已受理的业务会等待并自动继续。"},
};
const std::size_t kKeysMessageCount = std::size(kKeysMessages);

}  // namespace taxgate

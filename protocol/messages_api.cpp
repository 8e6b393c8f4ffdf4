// Errors of the local API, of callers and their roles.
#include <iterator>

#include "protocol/message_areas.h"

namespace taxgate {

const Message kApiMessages[] = {
    {"api.not_found", "{field}: nothing is known under {wanted}.", "{field}:未找到 {wanted}。",
     "Check the identifier and the caller's taxpayers.", "请核对标识以及调用方可用的纳税人。"},
};
const std::size_t kApiMessageCount = std::size(kApiMessages);

}  // namespace taxgate

// Errors of the tax platform and of the way to it.
#include <iterator>

#include "protocol/message_areas.h"

namespace taxgate {

const Message kPlatformMessages[] = {
    {"platform.no_answer", "The tax platform did not answer in time.", "税务平台未在规定时间内应答。",
     "Nothing to do: the outcome is being queried. Do not submit again.", "无需操作:系统正在查询结果,请勿重复提交。"},
};
const std::size_t kPlatformMessageCount = std::size(kPlatformMessages);

}  // namespace taxgate

// Errors of the rules (R2, R3, R4, R8, R20, B.6).
#include <iterator>

#include "protocol/message_areas.h"

namespace taxgate {

const Message kRulesMessages[] = {
    {"R20.red_of_red", "{field}: a red-letter invoice cannot be reversed again.", "{field}:红字发票不可以再次红冲。",
     "Name the blue invoice it reversed.", "请填写其对应的蓝字发票。"},
};
const std::size_t kRulesMessageCount = std::size(kRulesMessages);

}  // namespace taxgate

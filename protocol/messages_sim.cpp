// Errors of the simulator.
#include <iterator>

#include "protocol/message_areas.h"

namespace taxgate {

const Message kSimMessages[] = {
    {"sim.script", "The fault script cannot be read: {wanted}.", "故障脚本无法读取:{wanted}。",
     "Correct the line named.", "请更正所示的行。"},
};
const std::size_t kSimMessageCount = std::size(kSimMessages);

}  // namespace taxgate

// Errors of device bytes (GM/T 0017) and of the virtual keys.
#include <iterator>

#include "protocol/message_areas.h"

namespace taxgate {

const Message kDeviceMessages[] = {
    {"apdu.format", "The tax key answered with bytes that are no {field} ({wanted}).",
     "税务介质返回的数据不是有效的 {field}({wanted})。", "Put the key in again; if it stays so, have the key checked.",
     "请重新插入介质;仍然如此时,请检测该介质。"},
    {"key.pin_length", "The PIN must be 2 to 16 bytes long.", "PIN 的长度应为 2 至 16 字节。",
     "Correct the PIN file; it holds the PIN and nothing else.", "请更正 PIN 文件;文件中只应有 PIN。"},
    {"sim.arguments", "The command line cannot be used: {field} {wanted}.", "命令行参数不可用:{field} {wanted}。",
     "See taxgate-sim --help.", "请参阅 taxgate-sim --help。"},
    {"sim.scenario", "The simulator's input cannot be used: {field} must be {left}.",
     "模拟器的输入不可用:{field} 应为 {left}。", "Correct the member named.", "请更正所示的字段。"},
    {"sim.control", "No simulator answers on control port {wanted}.", "控制端口 {wanted} 上没有模拟器应答。",
     "Start it with taxgate-sim up.", "请先运行 taxgate-sim up。"},
    {"sim.control_answer", "The simulator's answer cannot be read.", "无法读取模拟器的应答。",
     "Check that the control port is a simulator's.", "请确认该控制端口属于模拟器。"},
    {"sim.not_running", "No simulator is ready in {field}.", "目录 {field} 中没有就绪的模拟器。",
     "Start it with taxgate-sim up --dir {field}.", "请运行 taxgate-sim up --dir {field}。"},
    {"sim.unknown_key", "There is no virtual key {wanted}.", "没有虚拟介质 {wanted}。", "See taxgate-sim key list.",
     "请参阅 taxgate-sim key list。"},
    {"sim.key_definition", "The virtual key cannot be made: {field} is not usable.",
     "无法创建虚拟介质:{field} 不可用。", "Correct {field} in the scenario.", "请更正场景文件中的 {field}。"},
    {"sim.key_scalar", "A virtual key's stored private key is damaged.", "虚拟介质保存的私钥已损坏。",
     "Remove the simulator's directory; it is made anew.", "请删除模拟器目录,系统会重新创建。"},
    {"sim.state_format", "The simulator's file {field} is damaged or belongs to another key.",
     "模拟器文件 {field} 已损坏或属于其他介质。", "Remove the simulator's directory; it is made anew.",
     "请删除模拟器目录,系统会重新创建。"},
    {"sim.state_io", "The simulator cannot read or write {field}.", "模拟器无法读写 {field}。",
     "Check that the directory exists, is writable and that the disk has room.",
     "请检查目录是否存在、可写,磁盘是否有空间。"},
    {"sim.pcscd_options", "The private smart card service cannot be set up: {field} is {wanted}, it must be {left}.",
     "无法设置专用智能卡服务:{field} 为 {wanted},应为 {left}。", "Choose another value.", "请改用其他取值。"},
    {"sim.pcscd_missing", "{field} is not installed.", "未安装 {field}。",
     "Install the packages pcscd and vsmartcard-vpcd.", "请安装软件包 pcscd 和 vsmartcard-vpcd。"},
    {"sim.pcscd_namespace", "This machine does not allow a private smart card service (no {field}).",
     "本机不允许运行专用智能卡服务(无法创建 {field})。", "Run as root, or allow user namespaces for this user.",
     "请以 root 身份运行,或允许该用户使用用户命名空间。"},
    {"sim.pcscd_start", "The private smart card service did not start.", "专用智能卡服务未能启动。",
     "Read pcscd.log in the simulator's directory.", "请查看模拟器目录中的 pcscd.log。"},
};
const std::size_t kDeviceMessageCount = std::size(kDeviceMessages);

}  // namespace taxgate

// What is found hours before a night (taxgate sync preflight).
#include <iterator>

#include "protocol/message_areas.h"

namespace taxgate {

const Message kPreflightMessages[] = {
    {"preflight.platform", "The platform would not answer the night's questions for {field}: {wanted}",
     "平台不会应答 {field} 的夜间查询:{wanted}",
     "Log in again or scan the face if the session is over; check the SM4 key and the access unit otherwise.",
     "会话失效时请重新登录或人脸识别;否则请检查 SM4 密钥与接入单位编号。"},
    {"preflight.budget", "The night needs about {wanted} calls; {left} are left to it beside day work's reserve.",
     "夜间同步约需 {wanted} 次调用,扣除日间预留后剩余 {left} 次。",
     "Raise platform.calls_per_day if the platform allows it; otherwise the rest comes the night after.",
     "如平台允许请调高 platform.calls_per_day;否则其余部分将在下一夜完成。"},
    {"preflight.clock", "This machine's clock differs from the platform's by {wanted} (tolerated: {left}).",
     "本机时钟与平台相差 {wanted}(允许 {left})。", "Switch time synchronisation on: timedatectl set-ntp true",
     "请启用时间同步:timedatectl set-ntp true"},
    {"preflight.late", "The night would end at {wanted}, after its window ({left}).",
     "夜间同步预计 {wanted} 结束,晚于时段终点({left})。",
     "Let it begin earlier (sync.at), or raise the call rate if the platform allows it.",
     "请提前开始时间(sync.at),或在平台允许时提高调用频率。"},
    {"preflight.certificate", "The certificate of {field} ends on {wanted}, before the night's window does ({left}).",
     "密钥 {field} 的证书于 {wanted} 到期,早于夜间时段终点({left})。", "Renew it at the tax bureau today.",
     "请于今日在税务机关更新证书。"},
    {"preflight.pin", "Key {field} was given a wrong PIN, has one try left or is locked ({wanted}).",
     "密钥 {field} 的口令错误、仅剩一次尝试或已锁死({wanted})。",
     "Put the right PIN into its file before the last try is spent; a locked key is reset at the tax bureau.",
     "请在最后一次尝试用尽前把正确口令写入口令文件;已锁死的密钥须到税务机关重置。"},
    {"preflight.room", "Only {wanted} are left in {field}; the night wants {left}.",
     "{field} 仅剩 {wanted},夜间同步需要 {left}。", "Make room on that file system.", "请清理该文件系统的空间。"},
};
const std::size_t kPreflightMessageCount = std::size(kPreflightMessages);

}  // namespace taxgate

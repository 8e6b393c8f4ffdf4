// Errors of the rooms core and store: configuration, files and secrets, lanes, clocks, the database.
#include <iterator>

#include "protocol/message_areas.h"

namespace taxgate {

const Message kStoreMessages[] = {
    // ---- configuration
    {"config.syntax", "{field}: the configuration file is not valid TOML: {wanted}.", "{field}:配置文件不符合 TOML 语法:{wanted}。",
     "Correct this line; `taxgate config check` shows the next one.", "请改正该行,然后运行 taxgate config check 再次检查。"},
    {"config.unknown_key", "{field}: there is no such key.", "{field}:没有这个配置项。",
     "Check the spelling against docs/config.md.", "请对照 docs/config.md 检查拼写。"},
    {"config.type", "{field} must be {left}.", "{field} 的类型不对,应为:{left}。",
     "Correct the value; docs/config.md has an example of every key.", "请改正该值;docs/config.md 中每个配置项都有示例。"},
    {"config.range", "{field}: \"{wanted}\" is not allowed; allowed: {left}.", "{field}:不允许“{wanted}”;允许:{left}。",
     "Choose a value from what is allowed.", "请在允许范围内取值。"},
    {"config.missing", "{field} is missing.", "缺少 {field}。", "Add it; docs/config.md says what it is for.",
     "请补上该项;说明见 docs/config.md。"},
    {"config.duplicate", "{field}: \"{wanted}\" occurs twice.", "{field}:“{wanted}”重复。", "Remove one of the two.", "请删除其中一个。"},
    {"config.lab_key", "{field}: laboratory mode cannot be switched on in the file.", "{field}:实验模式不能在配置文件中开启。",
     "Remove the key; start taxgated with --lab.", "请删除该项,改用 taxgated --lab 启动。"},
    {"config.lab_channel", "Laboratory mode works on the channel simulator only, not on {wanted}.",
     "实验模式只能用于渠道:模拟,不能用于 {wanted}。", "Set taxgated.channel to \"simulator\", or start without --lab.",
     "请将 taxgated.channel 设为 \"simulator\",或不带 --lab 启动。"},

    // ---- files and secrets
    {"file.missing", "The file {field} does not exist.", "文件 {field} 不存在。", "Create it, or correct its path in the configuration.",
     "请创建该文件,或改正配置中的路径。"},
    {"file.unreadable", "The file {field} cannot be read.", "无法读取文件 {field}。",
     "Check that it is an ordinary file and that the service's user may read it.", "请检查它是普通文件,且服务用户有读取权限。"},
    {"file.too_big", "The file {field} has {wanted} bytes; at most {left} are read.", "文件 {field} 有 {wanted} 字节,最多读取 {left} 字节。",
     "This is probably the wrong file: check its path in the configuration.", "可能选错了文件,请检查配置中的路径。"},
    {"file.unwritable", "{field} cannot be written.", "无法写入 {field}。",
     "Check that the directory exists and belongs to the service's user.", "请检查目录存在且属于服务用户。"},
    {"secret.mode", "The secret file {field} has mode {wanted}: others may read it.", "密钥文件 {field} 的权限为 {wanted},他人可读。",
     "Run: chmod {left} {field}; consider the secret known and replace it.", "请执行 chmod {left} {field};该密钥可能已泄露,建议更换。"},
    {"secret.owner", "{field} belongs to user {wanted}, not to the service's user {left}.", "{field} 属于用户 {wanted},而不是服务用户 {left}。",
     "Change its owner with chown.", "请用 chown 更改其所有者。"},
    {"secret.empty", "The secret file {field} is empty.", "密钥文件 {field} 为空。", "Write the secret into it.", "请写入密钥内容。"},
    {"secret.no_credentials", "{field}: there is no such systemd credential.", "{field}:没有该 systemd 凭据。",
     "Add LoadCredential= to the unit, or name a file instead.", "请在服务单元中加入 LoadCredential=,或改用文件路径。"},
    {"lock.taken", "{field} is locked by another process.", "{field} 已被其他进程锁定。", "Stop the other process first.", "请先停止该进程。"},

    // ---- lanes and clocks
    {"lane.full", "Too much work is waiting ({wanted} of {left}).", "等待处理的任务过多({wanted}/{left})。", "Try again in a few seconds.",
     "请几秒后重试。"},
    {"lane.stopped", "The service is stopping.", "服务正在停止。", "Try again when it is up.", "请在服务恢复后重试。"},
    {"clock.file", "The laboratory's clock file {field} cannot be used ({wanted}); expected: {left}.",
     "实验时钟文件 {field} 不可用({wanted}),应为:{left}。", "Start the simulator first; it creates the file.",
     "请先启动模拟器,由它创建该文件。"},

    // ---- the database
    {"store.corrupt", "The database {field} is damaged ({wanted}). Nothing was overwritten.",
     "数据库 {field} 已损坏({wanted})。未覆盖任何数据。",
     "Stop the service, keep a copy of the damaged file with its -wal, restore the latest backup under the same name, start again. "
     "Then compare with the platform's list of forms before releasing the queue.",
     "请停止服务,保留损坏文件及其 -wal 的副本,用最近的备份以同名恢复后再启动;放行队列前请先与平台的确认单列表核对。"},
    {"store.full", "The disk is full: nothing was written, nothing was half-done.", "磁盘已满:未写入任何数据,也没有写入一半。",
     "Free some space; the service goes on by itself.", "请释放磁盘空间,服务会自动继续。"},
    {"store.io", "The database cannot be written or read just now ({wanted}).", "数据库暂时无法读写({wanted})。",
     "Look at the kernel's log for disk errors; after repair restart the service.", "请查看内核日志中的磁盘错误,修复后重启服务。"},
    {"store.busy", "Too many submissions are waiting to be stored (at most {left}).", "等待入库的申请过多(最多 {left} 个)。",
     "Send it again after the time named in Retry-After, with the same idempotency key.", "请在 Retry-After 所示时间后,用相同的幂等键重新发送。"},
    {"store.stale", "The submission has moved on meanwhile (version {left}, not {wanted}).", "该申请在此期间已有变化(版本 {left},不是 {wanted})。",
     "Read it again and decide again.", "请重新读取后再操作。"},
    {"store.transition", "The submission cannot become {wanted} now; possible: {left}.", "该申请现在不能变为 {wanted};可以变为:{left}。",
     "Read its state again; docs/states.md shows which step follows which.", "请重新查看其状态;状态流转见 docs/states.md。"},
    {"store.newer_schema", "The database {field} was written by a newer version (schema {wanted}; this one knows up to {left}).",
     "数据库 {field} 由更新的版本写入(结构版本 {wanted},本程序最高支持 {left})。",
     "Install the newer version again, or restore the backup made before the upgrade.", "请重新安装较新的版本,或恢复升级前的备份。"},
    {"store.foreign_file", "{field} is not a Taxgate database. Nothing was overwritten.", "{field} 不是 Taxgate 数据库。未覆盖任何数据。",
     "Check taxgated.state_dir in the configuration.", "请检查配置中的 taxgated.state_dir。"},
    {"store.in_use", "Another taxgated uses the database {field}.", "数据库 {field} 正被另一个 taxgated 使用。",
     "Stop the other one first; two would do the same work twice.", "请先停止另一个进程,否则会重复处理。"},
    {"store.pragma", "The database does not accept the setting \"{field}\": {wanted} instead of {left}.",
     "数据库不接受设置“{field}”:现为 {wanted},应为 {left}。",
     "Put the database on a local disk; network file systems cannot keep the promise.", "请将数据库放在本地磁盘上;网络文件系统无法保证数据安全。"},
    {"store.chain", "The journal's digest chain is broken at {field}: {wanted}.", "日志摘要链在 {field} 处中断:{wanted}。",
     "Somebody or something changed the database: keep it as evidence and compare it with a backup.",
     "数据库可能被改动:请保全现状作为证据,并与备份核对。"},
    {"store.record", "A stored record cannot be read ({wanted}).", "一条存储记录无法读取({wanted})。",
     "Restore the latest backup, or import the invoice again.", "请恢复最近的备份,或重新导入该发票。"},
    {"store.idempotency_key", "{field}: an idempotency key has 1 to {left} characters, not {wanted}.",
     "{field}:幂等键应为 1 至 {left} 个字符,现为 {wanted} 个。", "Use for example the order's number.", "例如可使用订单号。"},
    {"store.too_big", "One part of the submission has {wanted} bytes; at most {left} are stored.", "申请的一部分有 {wanted} 字节,最多存储 {left} 字节。",
     "Split the submission.", "请拆分申请。"},
    {"store.no_journal_row", "A change of submission {field} came without a journal entry and was refused.", "申请 {field} 的变更没有日志记录,已拒绝。",
     "This is a defect of Taxgate: please report it.", "这是 Taxgate 的缺陷,请报告。"},
    {"store.no_submission", "There is no submission {wanted}.", "没有申请 {wanted}。", "Check the id; `taxgate list` shows all.",
     "请核对编号;taxgate list 可列出全部申请。"},
    {"store.no_caller", "There is no caller {wanted}.", "没有调用方 {wanted}。", "`taxgate caller list` shows all.", "taxgate caller list 可列出全部调用方。"},
    {"store.filter_state", "{field}: there is no state \"{wanted}\".", "{field}:没有状态“{wanted}”。", "docs/states.md lists them.",
     "全部状态见 docs/states.md。"},
};
const std::size_t kStoreMessageCount = std::size(kStoreMessages);

}  // namespace taxgate

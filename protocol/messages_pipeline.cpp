// Message rows of the pipeline: what becomes of a submission, and what a person can do about it.
#include <iterator>

#include "protocol/message_areas.h"

namespace taxgate {

const Message kPipelineMessages[] = {
    {"app.usage", "The command line is not understood at {field} {wanted}.", "无法识别命令行参数 {field} {wanted}。", "taxgated --help shows the usage.", "请用 taxgated --help 查看用法。"},
    {"approval.denied", "An approver said no: {wanted}", "审批人未同意:{wanted}", "Correct the submission and submit it again with a new idempotency key.", "请更正后以新的幂等键重新提交。"},
    {"approval.own", "{left} submitted this and cannot approve it too.", "{left} 是提交人,不能审批自己的提交。", "Another person with the approver role must decide.", "须由另一位具有 approver 角色的人审批。"},
    {"caller.taxpayer", "This caller may not act for the taxpayer {wanted}.", "该调用方无权代表纳税人 {wanted} 操作。", "Ask an administrator to add the taxpayer to the caller (taxgate caller add).", "请管理员为该调用方增加此纳税人(taxgate caller add)。"},
    {"config.tables", "The tables file is not usable at {field}: {wanted}.", "规则表文件 {field} 处无法使用:{wanted}。", "Correct the file; docs/rules-in-force.md lists the tables. Nothing was changed.", "请更正该文件;docs/rules-in-force.md 列出各表。未作任何更改。"},
    {"form.code", "{field}: {wanted} is not one of {left}.", "{field}:{wanted} 不在 {left} 之内。", "Use the bureau's code.", "请使用税务局代码。"},
    {"form.differs_from_blue", "{field} is {wanted}, the blue invoice says {left}.", "{field} 为 {wanted},蓝字发票为 {left}。", "Copy the value from the blue invoice; a red keeps the names on the blue even after a renaming.", "请照抄蓝字发票;即使已更名,红字仍沿用蓝票名称。"},
    {"form.not_pending", "The confirmation form is in state {wanted} and takes no answer.", "红字确认单状态为 {wanted},不能再答复。", "Nothing to do; see the inbox for its state.", "无需处理;可在收件箱查看其状态。"},
    {"form.void", "The confirmation form is void (state {wanted}).", "红字确认单已作废(状态 {wanted})。", "Talk to the other party; a retry is a new submission.", "请与对方沟通;重试须提交新的申请。"},
    {"hold.high_risk", "The platform classes the taxpayer as high risk.", "平台将该纳税人列为高风险。", "Settle it with the tax officer, then: taxgate release.", "请与主管税务机关处理后执行 taxgate release。"},
    {"hold.key_locked", "A key of the taxpayer {field} cannot be used: {wanted}", "纳税人 {field} 的税务UKey 无法使用:{wanted}", "taxgate keys shows why; correct the PIN file or unlock the key at the tax office, then: taxgate release.", "用 taxgate keys 查看原因;更正 PIN 文件或到税务机关解锁后执行 taxgate release。"},
    {"hold.none", "There is no such hold on the taxpayer {wanted}.", "纳税人 {wanted} 没有此项暂停。", "taxgate status shows the holds in force.", "用 taxgate status 查看现有暂停。"},
    {"hold.operator", "A person put the taxpayer {field} on hold: {wanted}", "纳税人 {field} 已被人工暂停:{wanted}", "When the reason is gone: taxgate release.", "原因消除后执行 taxgate release。"},
    {"hold.red_alert", "The platform gave a red alert; issuing is blocked.", "平台发出红色预警,已阻断开票。", "Settle it with the tax officer, then: taxgate release. Queued work waits, nothing is lost.", "请与主管税务机关处理后执行 taxgate release。排队的提交会等待,不会丢失。"},
    {"hold.risk_information", "The platform asks for risk information first.", "平台要求先补充风险信息。", "Complete it at the bureau's web page, then: taxgate release.", "请在电子税务局补充后执行 taxgate release。"},
    {"hold.session_needed", "The platform asks for a login or face scan.", "平台要求登录或人脸识别。", "Log in at the bureau's web page, then: taxgate release.", "请登录电子税务局完成认证后执行 taxgate release。"},
    {"hold.quota_exhausted", "The invoice quota is used up.", "剩余可用额度不足。", "Apply for an adjustment, then: taxgate release.", "请申请调整额度后执行 taxgate release。"},
    {"inbox.answer", "{wanted} is no answer to a form; use {left}.", "{wanted} 不是有效答复,应为 {left}。", "Use confirm, deny or revoke.", "请使用 confirm、deny 或 revoke。"},
    {"inbox.not_found", "No form {wanted} waits for this taxpayer.", "没有待处理的确认单 {wanted}。", "taxgate inbox lists the forms that wait; revoke only what was raised here.", "用 taxgate inbox 查看待处理确认单;只能撤销本方发起的。"},
    {"key.host_gone", "The key host (taxgate-keyd) is not connected.", "密钥主机(taxgate-keyd)未连接。", "Start taxgate-keyd; accepted submissions wait and nothing is lost.", "请启动 taxgate-keyd;已受理的提交会等待,不会丢失。"},
    {"ledger.unknown_blue", "The blue invoice {wanted} is not in the ledger.", "台账中没有蓝字发票 {wanted}。", "Import it (taxgate import) or send it with the submission in the field blue.", "请先导入(taxgate import),或在提交的 blue 字段中附上。"},
    {"outcome.foreign_form", "The platform shows a different form on this blue invoice; ours was not found.", "平台上该蓝字发票存在另一份确认单,未找到本方的。", "Compare both (taxgate show); then taxgate resolve with adopt, not_arrived or close.", "请用 taxgate show 对比后执行 taxgate resolve(adopt、not_arrived 或 close)。"},
    {"outcome.other_answer", "The form was settled otherwise than we answered (state {wanted}).", "确认单的结果与本方答复不同(状态 {wanted})。", "Compare with the counterparty, then: taxgate resolve.", "请与对方核对后执行 taxgate resolve。"},
    {"outcome.two_matches", "The platform shows two forms equal to ours.", "平台上有两份与本方相同的确认单。", "One may have to be revoked at the platform; then taxgate resolve with adopt.", "可能须在平台撤销其一,然后执行 taxgate resolve(adopt)。"},
    {"outcome.unresolved", "Sent {wanted} times and still not found on the platform.", "已发送 {wanted} 次,平台上仍未找到。", "Check at the bureau's web page, then: taxgate resolve.", "请到电子税务局核实后执行 taxgate resolve。"},
    {"platform.query", "The platform did not answer a question: {wanted}", "平台未能应答查询:{wanted}", "Nothing to do: the question is asked again.", "无需处理:系统会再次查询。"},
    {"platform.refused", "The platform refused the submission (code {wanted}).", "平台拒绝了该提交(代码 {wanted})。", "The platform's own words are in the time line; correct and submit again with a new idempotency key.", "平台原文见时间线;更正后请以新的幂等键重新提交。"},
    {"platform.upload_failed", "The upload of the red invoice failed again and again.", "红字发票上传多次失败。", "The form stays confirmed; see the platform's words in the time line, then: taxgate retry.", "确认单仍有效;请查看时间线中的平台原文,然后执行 taxgate retry。"},
    {"resolve.form", "The form {wanted} is not on this blue invoice.", "确认单 {wanted} 不属于该蓝字发票。", "Take the uuid from taxgate show.", "请使用 taxgate show 中显示的 uuid。"},
    {"resolve.outcome", "{wanted} is no decision; use {left}.", "{wanted} 不是有效决定,应为 {left}。", "adopt: it is ours; not_arrived: send the same again; close: give up.", "adopt 为采用;not_arrived 为重发同一内容;close 为放弃。"},
    {"resolve.owned", "The form {wanted} belongs to the submission {left}.", "确认单 {wanted} 属于提交 {left}。", "Resolve with another form, or close.", "请选择其他确认单,或 close。"},
    {"store.no_evidence", "The signed bytes of this submission are missing.", "该提交的签名数据缺失。", "Do not send anything by hand; restore the database from a backup.", "请勿手工补发;请从备份恢复数据库。"},
    {"submission.action", "There is no action {wanted}.", "没有操作 {wanted}。", "See docs/api.md.", "请参阅 docs/api.md。"},
    {"submission.blue_mismatch", "{field} is {wanted}, the submission names {left}.", "{field} 为 {wanted},与提交中的 {left} 不一致。", "Send the blue invoice that blue_number names.", "请附上 blue_number 所指的蓝字发票。"},
    {"submission.conflict", "The idempotency key {wanted} was used for another request: {left}.", "幂等键 {wanted} 已用于另一请求:{left}。", "Use a new key for a new request; the original stands unchanged.", "新的请求请使用新的幂等键;原提交不受影响。"},
    {"submission.form_mismatch", "platform_form is about another invoice or seller than the submission.", "platform_form 与提交的发票或销售方不一致。", "Let both name the same seller and blue number.", "请使两者的销售方与蓝票号码一致。"},
    {"submission.initiator", "{field}: {wanted} is not one of {left}.", "{field}:{wanted} 不在 {left} 之内。", "Leave it out when you are the seller.", "销售方发起时可省略。"},
    {"submission.missing", "{field} is missing.", "缺少 {field}。", "A full red needs seller, blue_number and reason.", "全额红冲至少需要 seller、blue_number 和 reason。"},
    {"submission.not_found", "There is no submission {wanted}.", "没有提交 {wanted}。", "taxgate list shows what there is.", "用 taxgate list 查看。"},
    {"submission.not_now", "{wanted} is not possible in the state {left}.", "状态 {left} 下不能执行 {wanted}。", "taxgate show tells what the submission waits for.", "用 taxgate show 查看该提交在等待什么。"},
    {"submission.seller_mismatch", "The seller {wanted} is not the seller on the blue invoice ({left}).", "销售方 {wanted} 与蓝字发票的销售方({left})不一致。", "Use the seller's taxpayer id as on the blue invoice.", "请使用蓝字发票上的销售方税号。"},
    {"submission.sent", "It has been sent and can no longer be cancelled here.", "已发送,不能再取消。", "Revoke the form instead (taxgate revoke {left}).", "请改为撤销确认单(taxgate revoke {left})。"},
    {"table.refused", "The platform refused the information table (state {wanted}).", "平台未通过信息表(状态 {wanted})。", "Correct it and submit again with a new idempotency key.", "更正后请以新的幂等键重新提交。"},
    {"taxpayer.unknown", "The taxpayer {wanted} is not configured here.", "未配置纳税人 {wanted}。", "Add a [[taxpayer]] section to the configuration.", "请在配置中增加 [[taxpayer]]。"},
};
const std::size_t kPipelineMessageCount = std::size(kPipelineMessages);

}  // namespace taxgate

// Sends one message with nodemailer: {transport, envelope, raw (base64)} comes on standard input,
// what nodemailer says goes to standard output. Status 0 if it was sent.
"use strict";

const nodemailer = require("nodemailer");

let input = "";
process.stdin.on("data", (part) => { input += part; });
process.stdin.on("end", async () => {
	const { transport, envelope, raw } = JSON.parse(input);
	try {
		const sender = nodemailer.createTransport(transport);
		const sent = await sender.sendMail({ envelope, raw: Buffer.from(raw, "base64") });
		console.log(sent.response);
	} catch (problem) {
		console.log(problem.code, problem.message);
		process.exitCode = 1;
	}
});

// Takes a screenshot: node tests/shot.mjs '#builds/412' out.png [width] [height] [light|dark] [full]
import { chromium } from 'playwright-core';

const [hash, out, width = '1440', height = '1240', theme = 'light', full] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
const page = await browser.newPage({ viewport: { width: Number(width), height: Number(height) }, colorScheme: theme });
page.on('console', (message) => ['error', 'warning'].includes(message.type()) && console.log(message.type(), message.text()));
page.on('pageerror', (error) => console.log('pageerror', error.stack));
await page.goto(`${process.env.PAGE ?? 'http://127.0.0.1:8099/'}${hash}`);
await page.waitForTimeout(Number(process.env.WAIT ?? 900));
await page.screenshot({ path: out, fullPage: full === 'full' });
await browser.close();

export { BACKUP_FORMAT, readBackup, writeBackup, type BackupHeader, type BackupReader } from './format.js';

/** Where runs on one machine keep their state unless `--state` names another folder. */
export const STATE_FOLDER = '.drayage'
